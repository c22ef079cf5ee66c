"""`POST /api/jobs/{code}/rerun`: run a job again, from the start or from the migration."""

from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.jobs.job import RerunFrom
from api.auth.caller import Writer
from api.dependencies import Rerun
from api.problems import problem_responses
from api.requests.paths import JobCode
from api.requests.strict_json import StrictRoute
from api.schemas.jobs import Job
from api.schemas.stored_responses import IdempotencyKey, receipt_response

router = APIRouter(prefix="/api/jobs", tags=["jobs"], route_class=StrictRoute)


class RerunRequest(BaseModel):
    """Where the rerun begins."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    start: RerunFrom = Field(alias="from", description="`start`: charged anew. `migration`: only moved again, free.")


@router.post(
    "/{code}/rerun",
    status_code=202,
    summary="Run a job again",
    response_model=Job,
    responses=problem_responses(400, 401, 402, 403, 404, 409, 413, 415, 422),
)
async def rerun_job(
    body: Annotated[RerunRequest, Body(examples=[{"from": "migration"}])],
    caller: Writer,
    code: JobCode,
    rerun: Rerun,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """A new job; an event of each job links the two. 409 while the old one runs, or when its result is gone."""
    return receipt_response(await rerun(code, body.start, caller.actor, idempotency_key=idempotency_key))
