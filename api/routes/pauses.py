"""`/api/pauses`: providers, models, users and credentials for which nothing new is sent."""

from typing import Annotated, Final

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlmodel import Session

from aijobs.domain.jobs.events import Moment, MomentOrNone
from aijobs.domain.jobs.waiting import PausedThing
from aijobs.persistence.pauses import ended_pauses, held_counts, running_pauses
from aijobs.persistence.tables import PauseRow
from api.auth.caller import PauseKeeper, PauseReader
from api.dependencies import Db, Pauses
from api.problems import problem_responses
from api.requests.paths import PauseCode
from api.requests.strict_json import StrictRoute
from api.schemas.jobs import Page, Shape

MAX_NAME: Final = 200
MAX_REASON: Final = 500

PROBLEMS: Final = problem_responses(400, 401, 403, 404, 409, 413, 415, 422)

Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_REASON)]

router = APIRouter(prefix="/api/pauses", tags=["operations"], route_class=StrictRoute)


class PauseRequest(BaseModel):
    """What is paused, one thing, and why."""

    model_config = ConfigDict(extra="forbid")

    provider: Name | None = Field(default=None, description="All models of a provider, or of a generator of our own.")
    model: Name | None = Field(default=None, description="A `model_id`.")
    user: Name | None = Field(default=None, description="A user's jobs of all models.")
    credential: Name | None = Field(default=None, description="As `replicate` or `replicate:spare`: others go on.")
    reason: Reason = Field(description="Users see it in `waiting` of their jobs.")

    @model_validator(mode="after")
    def _one_thing(self) -> "PauseRequest":
        if len(self.named) != 1:
            raise ValueError("name one of `provider`, `model`, `user` and `credential`")
        return self

    @property
    def named(self) -> list[tuple[PausedThing, str]]:
        return [(kind, name) for kind in PausedThing if (name := getattr(self, kind)) is not None]


class PausesQuery(BaseModel):
    """Which pauses are listed."""

    model_config = ConfigDict(extra="forbid")

    ended: bool = Field(default=False, description="Also the last hundred that have ended.")


class Pause(Shape):
    """A pause. `create_by` and `ended_by` are ids of API keys; `held` is how many jobs it has held back so far."""

    id: str = Field(examples=["pause_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])
    provider: str | None = None
    model: str | None = None
    user: str | None = None
    credential: str | None = None
    reason: str
    create_by: str
    create_time: Moment
    ended_by: str | None
    ended_at: MomentOrNone
    held: int


@router.post("", status_code=201, summary="Pause a provider, a model, a user or a credential", responses=PROBLEMS)
async def begin(
    body: Annotated[PauseRequest, Body(examples=[{"provider": "replicate", "reason": "Their status page is red."}])],
    caller: PauseKeeper,
    pauses: Pauses,
) -> Pause:
    """Jobs are accepted, and nothing new is sent for it: they wait for `provider_paused`. Jobs that are at their
    provider go on. Needs the scope `pauses:write`.
    """
    ((kind, name),) = body.named
    return pause_response(await pauses.begin(kind, name, caller.actor, reason=body.reason))


@router.get("", summary="List what is paused", responses=problem_responses(401, 403, 422))
async def list_pauses(_caller: PauseReader, database: Db, query: Annotated[PausesQuery, Query()]) -> Page[Pause]:
    """Those that hold now, oldest first. Needs the scope `pauses:read`."""

    def work(session: Session) -> list[Pause]:
        counts = held_counts(session)
        rows = [*running_pauses(session), *(ended_pauses(session) if query.ended else [])]
        return [pause_response(row, held=counts.get(row.code, 0)) for row in rows]

    return Page(data=await database.snapshot(work))


@router.delete("/{code}", status_code=204, summary="Resume", responses=PROBLEMS)
async def end(code: PauseCode, caller: PauseKeeper, pauses: Pauses) -> None:
    """Its jobs are tried again, some at a time. A second call changes nothing. Needs the scope `pauses:write`."""
    await pauses.end(code, caller.actor)


def pause_response(row: PauseRow, *, held: int = 0) -> Pause:
    return Pause(
        id=row.code, held=held, **{row.kind: row.name}, **row.model_dump(include={*Pause.model_fields} - {"id"})
    )
