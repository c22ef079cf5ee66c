"""`POST /api/jobs/{code}/resolve`: an operator's decision about a job that ended, or waits, in doubt."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field, model_validator

from aijobs.persistence.jobs import resolutions
from aijobs.persistence.jobs.gate import locked_job
from aijobs.persistence.jobs.queries import brief_of, job_of
from aijobs.persistence.jobs.resolutions import Resolution
from api.auth.caller import Operator
from api.dependencies import AllParts
from api.paths import JobCode
from api.problems import problem_responses
from api.schemas import jobs as shapes
from api.schemas.job_responses import job_response
from api.strict_json import StrictRoute

router = APIRouter(prefix="/api/jobs", tags=["operations"], route_class=StrictRoute)


class ResolutionRequest(BaseModel):
    """`refund` and `charge` settle held points; `attach` tells the provider's id of a lost submission (`ref`)."""

    model_config = ConfigDict(extra="forbid")

    decision: Resolution | Literal["attach"]
    ref: str | None = Field(default=None, min_length=1, max_length=200)
    why: str = Field(min_length=1, max_length=500)

    @model_validator(mode="after")
    def _ref_goes_with_attach(self) -> "ResolutionRequest":
        if (self.decision == "attach") is (self.ref is None):
            raise ValueError("`ref` goes with `attach`, and with nothing else")
        return self


@router.post(
    "/{code}/resolve",
    summary="Decide about a job in doubt",
    responses=problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
async def resolve_job(
    wanted: Annotated[
        ResolutionRequest, Body(examples=[{"decision": "refund", "why": "The provider has no trace of it."}])
    ],
    caller: Operator,
    code: JobCode,
    parts: AllParts,
) -> shapes.Job:
    """Recorded in the job's history with who and why. Needs the scope `admin`."""
    async with parts.database.read() as session:
        await job_of(session, code, user_id=caller.visible_user)
    async with parts.database.write() as session:
        job = await locked_job(session, code)
        if isinstance(wanted.decision, Resolution):
            await resolutions.resolve(session, job, wanted.decision, by=caller.key_id, why=wanted.why)
        else:
            await resolutions.attach(session, job, {"id": wanted.ref}, by=caller.key_id, why=wanted.why)
    if wanted.decision == "attach":
        await parts.engine.poll_now(brief_of(job, parts.catalogue))
    return await job_response(parts, job)
