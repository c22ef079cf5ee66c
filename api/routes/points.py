"""`/api/points`: today's points of a user, and the ledger."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from aijobs.persistence.points.ledger import entries_page
from api.auth.caller import Reader
from api.checked_route import CheckedRoute
from api.dependencies import DailyLimit, Db
from api.problems import problem_responses
from api.requests.paths import RowCursor
from api.schemas.jobs import Entry, Page, Points
from api.schemas.points_responses import points_of_today

MAX_PAGE: Final = 100

router = APIRouter(prefix="/api/points", tags=["points"], route_class=CheckedRoute)


@router.get("", summary="Look at today's points", responses=problem_responses(401, 403, 422))
async def points_today(caller: Reader, database: Db, daily_limit: DailyLimit) -> Points:
    """The points of the caller's user. Days are UTC days."""
    return await database.read(points_of_today, caller.acting_user(), daily_limit=daily_limit)


@router.get("/entries", summary="Read the ledger, newest first", responses=problem_responses(401, 403, 422))
async def points_entries(
    caller: Reader,
    database: Db,
    cursor: Annotated[RowCursor | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20,
) -> Page[Entry]:
    """The entries of the caller's user; with a service key that names no user, those of all users."""
    rows, has_more = await database.snapshot(entries_page, user_id=caller.visible_user, before=cursor, limit=limit)
    documents = [Entry.model_validate(row, from_attributes=True) for row in rows]
    return Page(data=documents, has_more=has_more, next_cursor=str(rows[-1].id) if has_more else None)
