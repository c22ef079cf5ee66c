"""`POST /api/jobs/{code}/rerun`: the same again, from the beginning or from the migration."""

from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from aijobs.domain.errors import ModelNotConfigured
from aijobs.domain.jobs.job import RerunFrom
from aijobs.persistence.jobs import reruns
from aijobs.persistence.jobs.gate import locked_job
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import JobRow
from api.accepting import IdempotencyKey, claim_of, take_once
from api.auth.caller import Caller, Writer
from api.dependencies import AllParts, Parts
from api.paths import JobCode
from api.problems import problem_responses
from api.schemas import jobs as shapes
from api.strict_json import StrictRoute

router = APIRouter(prefix="/api/jobs", tags=["jobs"], route_class=StrictRoute)


class RerunRequest(BaseModel):
    """Where a job is to begin again."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    start: RerunFrom = Field(alias="from", description="`start`: charged anew. `migration`: only moved again, free.")


@router.post(
    "/{code}/rerun",
    status_code=202,
    summary="Run a job again",
    response_model=shapes.Job,
    responses=problem_responses(400, 401, 402, 403, 404, 409, 413, 415, 422),
)
async def rerun_job(
    wanted: Annotated[RerunRequest, Body(examples=[{"from": "migration"}])],
    caller: Writer,
    code: JobCode,
    parts: AllParts,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """A new job, linked to the old one by an event of each. 409 while the old one runs, or nothing is left of it."""
    async with parts.database.read() as session:
        owner = (await job_of(session, code, user_id=caller.visible_user)).user_id
    request = claim_of(caller, owner, idempotency_key, {"rerun": code, "from": wanted.start})

    async def repeated(session: AsyncSession) -> JobRow:
        return await _rerun(parts, caller, session, await locked_job(session, code), wanted.start)

    answer = await take_once(parts, request, repeated)
    return JSONResponse(answer.body, answer.status, {"Location": answer.location})


async def _rerun(parts: Parts, caller: Caller, session: AsyncSession, old: JobRow, start: RerunFrom) -> JobRow:
    model = parts.catalogue.model(old.model_id)
    capabilities = parts.capabilities_of(model)
    if capabilities is None:
        raise ModelNotConfigured(f"{model.model_name} is not configured here: no key is set for {model.platform}.")
    if start is RerunFrom.MIGRATION:
        return await reruns.rerun_from_migration(
            session, old, link_lifetime=capabilities.link_lifetime, by=caller.key_id
        )
    due = model.unit_point * old.output_count
    return await reruns.rerun_from_start(session, old, points_due=due, daily_limit=parts.daily_limit, by=caller.key_id)
