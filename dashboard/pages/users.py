"""End users: their points, limits and keys, and their jobs; and one of them with the ledger."""

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlmodel import Session

from aijobs.domain.errors import NotFound
from aijobs.domain.jobs.retention import Kept
from aijobs.domain.lifecycle import UNFINISHED
from aijobs.domain.values.scopes import Scope
from aijobs.domain.values.user_ids import MAX_USER_LENGTH, user_id_error
from aijobs.persistence.access.key_lists import keys_page
from aijobs.persistence.column_types import now
from aijobs.persistence.jobs.statistics import held_jobs, spenders
from aijobs.persistence.points.ledger import entries_page
from aijobs.persistence.retention.rules import lifetimes_of
from aijobs.persistence.users import FAILED, known_users, last_days, share_of, user_overviews
from api.dependencies import DailyLimit
from dashboard.page import PageRequest, PageRoute, Visiting

PAGE_LENGTH: Final = 50
DAYS: Final = 14
MAX_SHOWN: Final = 20

router = APIRouter(route_class=PageRoute, include_in_schema=False)


class UserSort(StrEnum):
    """By name, or by the points used today."""

    NAME = "name"
    POINTS = "points"


UserText = Annotated[str, Query(max_length=MAX_USER_LENGTH)]


@router.get("/users")
async def show_users(
    visit: Visiting, daily_limit: DailyLimit, q: UserText = "", after: UserText = "", sort: UserSort = UserSort.NAME
) -> Response:
    """All users by name, or those who spent most today. A visitor who is one user sees that one's page."""
    if not visit.sees_everybody:
        return RedirectResponse(f"/users/{quote(visit.caller.visible_user or '', safe='')}", HTTPStatus.SEE_OTHER)
    day, beginning = now().date(), q.strip()

    def work(session: Session) -> dict[str, Any]:
        if sort is UserSort.POINTS:
            users, has_more = [row.user_id for row in spenders(session, day, user_id=None, at_most=PAGE_LENGTH)], False
        else:
            users, has_more = known_users(session, beginning=beginning, after=after, limit=PAGE_LENGTH)
        return {
            "users": user_overviews(session, users, day, daily_limit=daily_limit),
            "next_after": users[-1] if has_more else None,
        }

    found = await visit.database.snapshot(work)
    return await visit.page(
        "users.html", current="users", q=beginning, after=after, sort=sort, **_common(visit), **found
    )


@router.get("/users/{user_id:path}")
async def show_user(
    visit: Visiting, daily_limit: DailyLimit, user_id: Annotated[str, Path(max_length=MAX_USER_LENGTH)]
) -> HTMLResponse:
    """Raises NotFound for another user's page, and for what can be no user."""
    if user_id_error(user_id) or (not visit.sees_everybody and user_id != visit.caller.visible_user):
        raise NotFound("There is no such user.")
    day, reads_keys = now().date(), visit.may(Scope.KEYS_READ)

    def work(session: Session) -> dict[str, Any]:
        entries, has_more = entries_page(session, user_id=user_id, before=None, limit=MAX_SHOWN)
        keys, _ = (
            keys_page(session, user_id=user_id, ended=False, before=None, limit=MAX_SHOWN) if reads_keys else ([], 0)
        )
        return {
            "user": user_overviews(session, [user_id], day, daily_limit=daily_limit)[0],
            "share": share_of(session, user_id),
            "lifetimes": lifetimes_of(session, user_id),
            "days": last_days(session, user_id, day, days=DAYS),
            "held": held_jobs(session, user_id=user_id, at_most=MAX_SHOWN),
            "entries": entries,
            "has_more": has_more,
            "keys": keys,
        }

    found = await visit.database.snapshot(work)
    return await visit.page(
        "user.html",
        current="users",
        days_shown=DAYS,
        kept=tuple(Kept),
        shows_keys=reads_keys,
        **_common(visit),
        **found,
    )


def _common(visit: PageRequest) -> dict[str, Any]:
    return {
        "day": now().date(),
        "in_progress": [status.value for status in UNFINISHED],
        "failed": [status.value for status in FAILED],
        "may_export": visit.may(Scope.USERS_READ),
        "may_audit": visit.may(Scope.AUDIT_READ),
    }
