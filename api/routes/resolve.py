"""`POST /api/jobs/{code}/resolve`: an operator's decision about a job that ended, or waits, in doubt."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field, model_validator

from aijobs.persistence.jobs.resolutions import Resolution
from api.auth.caller import Resolver
from api.dependencies import Jobs, Resolve
from api.problems import problem_responses
from api.requests.paths import JobCode
from api.requests.strict_json import StrictRoute
from api.routes.pauses import Reason
from api.schemas.jobs import Job

router = APIRouter(prefix="/api/jobs", tags=["operations"], route_class=StrictRoute)


class ResolutionRequest(BaseModel):
    """`refund` and `charge` settle held points; `attach` gives the provider's id of a lost submission (`ref`)."""

    model_config = ConfigDict(extra="forbid")

    decision: Resolution | Literal["attach"]
    ref: str | None = Field(default=None, min_length=1, max_length=200)
    why: Reason

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
    body: Annotated[
        ResolutionRequest, Body(examples=[{"decision": "refund", "why": "The provider has no trace of it."}])
    ],
    caller: Resolver,
    code: JobCode,
    resolve: Resolve,
    jobs: Jobs,
) -> Job:
    """Recorded in the job's history with who and why. Needs the scope `jobs:resolve`."""
    if isinstance(body.decision, Resolution):
        job = await resolve.settle_points(code, body.decision, caller.actor, why=body.why)
    else:
        assert body.ref is not None, "`ref` goes with `attach`"
        job = await resolve.attach(code, body.ref, caller.actor, why=body.why)
    return await jobs.one(job)
