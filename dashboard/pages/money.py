"""Points: today's use, points that are held, and the ledger."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from aijobs.persistence.column_types import now
from aijobs.persistence.jobs.lost_submissions import jobs_with_lost_answers
from aijobs.persistence.jobs.statistics import held_jobs, spenders, submissions_of
from aijobs.persistence.points.ledger import entries_page
from aijobs.persistence.tables import SubmissionRow
from api.dependencies import DailyLimit
from api.requests.paths import RowCursor
from api.schemas.points_responses import points_response
from dashboard.page import PageRoute, Visiting

MAX_USERS: Final = 50
MAX_HELD: Final = 50
MAX_LOST: Final = 50
PAGE_LENGTH: Final = 50

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/money")
async def show_money(
    visit: Visiting,
    daily_limit: DailyLimit,
    user: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[RowCursor | None, Query(ge=1)] = None,
) -> HTMLResponse:
    day, user_id = now().date(), visit.visible_user(user)

    def work(session: Session) -> dict[str, Any]:
        days = spenders(session, day, user_id=user_id, at_most=MAX_USERS)
        held = held_jobs(session, user_id=user_id, at_most=MAX_HELD)
        entries, has_more = entries_page(session, user_id=user_id, before=cursor, limit=PAGE_LENGTH)
        return {
            "days": [points_response(session, row, daily_limit=daily_limit) for row in days],
            "held": held,
            "lost": jobs_with_lost_answers(session, user_id=user_id, at_most=MAX_LOST),
            "MAX_LOST": MAX_LOST,
            "last_attempt": {job.code: _last_attempt(session, job.code) for job in held},
            "entries": entries,
            "next_page": entries[-1].id if has_more else None,
        }

    return await visit.page("money.html", current="money", user=user, day=day, **await visit.database.snapshot(work))


def _last_attempt(session: Session, job_code: str) -> SubmissionRow | None:
    submissions = submissions_of(session, job_code)
    return submissions[-1] if submissions else None
