"""`/api/users/{user_id}`, `/api/holds`: all that is kept of an end user, how long, and its erasure."""

from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse
from pydantic import Field

from aijobs.domain.jobs.events import Moment, MomentOrNone
from aijobs.domain.jobs.retention import Lifetimes
from aijobs.domain.values.durations import written_duration
from aijobs.persistence.retention.erasures import WaitsFor, erasure_of, erasures_page
from aijobs.persistence.retention.rules import lifetimes_of
from aijobs.persistence.tables import ErasureRow
from aijobs.usecases.export_user import ExportUser
from api.auth.caller import UserEraser, UserReader
from api.auth.named_users import checked_user
from api.dependencies import DataRules, Db, Store
from api.problems import problem_responses
from api.requests.paths import ErasureCode
from api.requests.strict_json import StrictRoute
from api.routes import holds
from api.schemas.jobs import Page, Shape

MAX_LISTED: Final = 100
PROBLEMS: Final = problem_responses(400, 401, 403, 404, 409, 413, 415, 422)

DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A ZIP file.", "content": {"application/zip": {}}}
}

EndUser = Annotated[str, Path(max_length=200, description="As in the jobs' `user_id`.", examples=["ada"])]

router = APIRouter(prefix="/api", tags=["data"], route_class=StrictRoute)
router.include_router(holds.router)


class ErasureStatus(StrEnum):
    """How an erasure stands. RUNNING: a worker erases, or is about to."""

    RUNNING = "RUNNING"
    WAITING = "WAITING"
    DONE = "DONE"


class Erasure(Shape):
    """The erasure of a user. `pseudonym` stands in the user's place in what is kept: points, costs, statuses.

    `waits_for` says why it cannot go on yet. `counts` are the things that were erased so far, by kind.
    """

    code: str = Field(examples=["erasure_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])
    status: ErasureStatus
    waits_for: WaitsFor | None
    pseudonym: str
    counts: dict[str, int]
    create_by: str
    create_time: Moment
    ended_at: MomentOrNone


class UserLifetimes(Shape):
    """How long a user's things are kept, where it differs: `30d`, `12h`, `forever`, or null for as everybody's."""

    jobs: str | None = None
    events: str | None = None
    exchanges: str | None = None
    conversations: str | None = None
    outputs: str | None = None
    inputs: str | None = None


@router.delete("/users/{user_id:path}", status_code=202, summary="Erase a user", responses=PROBLEMS)
async def erase_user(user_id: EndUser, caller: UserEraser, rules: DataRules) -> Erasure:
    """The user's keys, sessions and endpoints are void at once, and unfinished jobs are canceled. When all have ended,
    everything is erased: in the database, the store and Temporal. Points and costs keep their sums, under a pseudonym.

    409 while there is a legal hold on the user. A second call returns the erasure that is under way.
    """
    return erasure_response(await rules.erase(checked_user(user_id), caller.actor))


@router.get(
    "/users/{user_id:path}/export",
    summary="Export all that is kept of a user",
    response_class=StreamingResponse,
    responses={**DOCUMENTED, **problem_responses(401, 403, 422)},
)
async def export_user(user_id: EndUser, _caller: UserReader, database: Db, store: Store) -> StreamingResponse:
    """JSON Lines for each kind of thing, and the files. Also what was deleted, and is not erased yet."""
    parts = await ExportUser(database=database, store=store)(checked_user(user_id))
    headers = {"Content-Disposition": 'attachment; filename="export.zip"'}
    return StreamingResponse(parts, media_type="application/zip", headers=headers)


@router.get("/erasures", summary="List erasures, newest first", responses=problem_responses(401, 403))
async def list_erasures(_caller: UserReader, database: Db) -> Page[Erasure]:
    """The last hundred."""
    rows = await database.read(erasures_page, at_most=MAX_LISTED)
    return Page(data=[erasure_response(row) for row in rows])


@router.get("/erasures/{code}", summary="Look at an erasure", responses=problem_responses(401, 403, 404))
async def get_erasure(code: ErasureCode, _caller: UserReader, database: Db) -> Erasure:
    return erasure_response(await database.read(erasure_of, code))


@router.get("/users/{user_id:path}/retention", summary="A user's own lifetimes", responses=problem_responses(401, 403))
async def get_lifetimes(user_id: EndUser, _caller: UserReader, database: Db) -> UserLifetimes:
    """Null is as everybody's."""
    return lifetimes_response(await database.read(lifetimes_of, checked_user(user_id)))


@router.put("/users/{user_id:path}/retention", summary="Set a user's own lifetimes", responses=PROBLEMS)
async def set_lifetimes(user_id: EndUser, lifetimes: Lifetimes, caller: UserEraser, rules: DataRules) -> UserLifetimes:
    """Replaces those that were set before. They come before those of models and of the installation."""
    await rules.keep_for(checked_user(user_id), lifetimes, caller.actor)
    return lifetimes_response(lifetimes)


def erasure_response(row: ErasureRow) -> Erasure:
    status = ErasureStatus.DONE if row.ended_at else ErasureStatus.WAITING if row.waits_for else ErasureStatus.RUNNING
    return Erasure(status=status, **row.model_dump(include={*Erasure.model_fields} - {"status"}))


def lifetimes_response(lifetimes: Lifetimes) -> UserLifetimes:
    return UserLifetimes(
        **{kept: said if said is None or isinstance(said, str) else written_duration(said) for kept, said in lifetimes}
    )
