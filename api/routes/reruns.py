"""`POST /api/jobs/{code}/rerun`: the same again, from the beginning or from the migration."""

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
from api.schemas.answers import IdempotencyKey, answer_with
from api.schemas.jobs import Job

router = APIRouter(prefix="/api/jobs", tags=["jobs"], route_class=StrictRoute)


class RerunRequest(BaseModel):
    """Where a job is to begin again."""

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
    """A new job, linked to the old one by an event of each. 409 while the old one runs, or nothing is left of it."""
    return answer_with(await rerun(code, body.start, caller.actor, idempotency_key=idempotency_key))
