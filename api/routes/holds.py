"""`/api/holds`: users and jobs of which nothing is erased."""

from typing import Annotated, Final

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlmodel import Session

from aijobs.domain.jobs.events import Moment, MomentOrNone
from aijobs.domain.jobs.retention import HoldKind
from aijobs.persistence.retention.holds import ended_holds, running_holds
from aijobs.persistence.tables import LegalHoldRow
from api.auth.caller import UserEraser, UserReader
from api.dependencies import DataRules, Db
from api.problems import problem_responses
from api.requests.paths import HoldCode
from api.requests.strict_json import StrictRoute
from api.routes.pauses import Name, Reason
from api.schemas.jobs import Page, Shape

PROBLEMS: Final = problem_responses(400, 401, 403, 404, 409, 413, 415, 422)

router = APIRouter(prefix="/holds", tags=["data"], route_class=StrictRoute)


class HoldRequest(BaseModel):
    """What is held, one thing, and why."""

    model_config = ConfigDict(extra="forbid")

    user: Name | None = Field(default=None, description="Everything of an end user.")
    job: Name | None = Field(default=None, description="A job with what belongs to it, by its code.")
    reason: Reason

    @model_validator(mode="after")
    def _one_thing(self) -> "HoldRequest":
        if len(self.named) != 1:
            raise ValueError("name one of `user` and `job`")
        return self

    @property
    def named(self) -> list[tuple[HoldKind, str]]:
        return [(kind, name) for kind in HoldKind if (name := getattr(self, kind)) is not None]


class Hold(Shape):
    """A legal hold. `create_by` and `ended_by` are ids of API keys."""

    id: str = Field(examples=["hold_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])
    user: str | None = None
    job: str | None = None
    reason: str
    create_by: str
    create_time: Moment
    ended_by: str | None
    ended_at: MomentOrNone


class HoldsQuery(BaseModel):
    """Which holds are listed."""

    model_config = ConfigDict(extra="forbid")

    ended: bool = Field(default=False, description="Also the last hundred that have ended.")


@router.post("", status_code=201, summary="Hold the data of a user or a job", responses=PROBLEMS)
async def begin(
    body: Annotated[HoldRequest, Body(examples=[{"user": "ada", "reason": "Case 17 of 2026"}])],
    caller: UserEraser,
    rules: DataRules,
) -> Hold:
    """Neither retention nor an erasure takes any of it until the hold is ended. Its owner may delete: it is hidden."""
    ((kind, name),) = body.named
    return hold_response(await rules.hold(kind, name, caller.actor, reason=body.reason))


@router.get("", summary="List what is held", responses=problem_responses(401, 403, 422))
async def list_holds(_caller: UserReader, database: Db, query: Annotated[HoldsQuery, Query()]) -> Page[Hold]:
    """Those that hold now, oldest first."""

    def work(session: Session) -> list[Hold]:
        rows = [*running_holds(session), *(ended_holds(session) if query.ended else [])]
        return [hold_response(row) for row in rows]

    return Page(data=await database.snapshot(work))


@router.delete("/{code}", status_code=204, summary="End a hold", responses=PROBLEMS)
async def end(code: HoldCode, caller: UserEraser, rules: DataRules) -> None:
    """What is due is erased by the next run. A second call changes nothing."""
    await rules.end_hold(code, caller.actor)


def hold_response(row: LegalHoldRow) -> Hold:
    return Hold(id=row.code, **{row.kind: row.name}, **row.model_dump(include={*Hold.model_fields} - {"id"}))
