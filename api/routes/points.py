"""`/api/points`: what is left of today, and the ledger behind it."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from aijobs.persistence.column_types import now
from aijobs.persistence.points.ledger import entries_page, limit_of, today
from api.auth.caller import Reader
from api.checked_route import CheckedRoute
from api.dependencies import AllParts
from api.problems import problem_responses
from api.schemas import jobs as shapes

MAX_PAGE: Final = 100

router = APIRouter(prefix="/api/points", tags=["points"], route_class=CheckedRoute)


@router.get("", summary="Look at today's points", responses=problem_responses(401, 403, 422))
async def points_today(caller: Reader, parts: AllParts) -> shapes.Points:
    """Of the caller's user. Days are UTC days."""
    user_id, day = caller.acting_user(), now().date()
    async with parts.database.read() as session:
        spent = await today(session, user_id, day)
        limit = await limit_of(session, user_id, default=parts.daily_limit)
    return shapes.Points(
        user_id=user_id, day=day, limit=limit, used=spent.used, held=spent.held, remaining=max(limit - spent.used, 0)
    )


@router.get("/entries", summary="Read the ledger, newest first", responses=problem_responses(401, 403, 422))
async def points_entries(
    caller: Reader,
    parts: AllParts,
    cursor: Annotated[int | None, Query(ge=1, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20,
) -> shapes.Page[shapes.Entry]:
    """Of the caller's user; with a service key that names nobody, everybody's."""
    async with parts.database.read() as session:
        rows, has_more = await entries_page(session, user_id=caller.visible_user, before=cursor, limit=limit)
    documents = [shapes.Entry.model_validate(row, from_attributes=True) for row in rows]
    return shapes.Page(data=documents, has_more=has_more, next_cursor=str(rows[-1].id) if has_more else None)
