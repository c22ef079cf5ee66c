"""`/api/jobs/{code}/outputs`: the results, each with a signed link that expires."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from aijobs.domain.errors import NotFound
from aijobs.persistence.jobs.outputs import outputs_of
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import OutputRow
from api.auth.caller import Reader
from api.checked_route import CheckedRoute
from api.dependencies import Db, Jobs, Links
from api.problems import problem_responses
from api.requests.paths import JobCode
from api.schemas.jobs import Output, Page

router = APIRouter(prefix="/api/jobs", tags=["outputs"], route_class=CheckedRoute)


@router.get("/{code}/outputs", summary="List a job's results", responses=problem_responses(401, 403, 404))
async def list_outputs(caller: Reader, code: JobCode, database: Db, jobs: Jobs) -> Page[Output]:
    """The results that are in our store by now."""
    row = await database.read(job_of, code, user_id=caller.visible_user)
    return Page(data=(await jobs.one(row)).outputs)


@router.get(
    "/{code}/outputs/{index}",
    status_code=307,
    summary="Go to a result",
    response_class=RedirectResponse,
    responses=problem_responses(401, 403, 404, 422, 503),
)
async def open_output(code: JobCode, index: int, caller: Reader, database: Db, links: Links) -> RedirectResponse:
    """Redirects to a fresh link."""

    def work(session: Session) -> list[OutputRow]:
        job_of(session, code, user_id=caller.visible_user)
        return outputs_of(session, code)

    row = next((row for row in await database.read(work) if row.index == index), None)
    if row is None:
        raise NotFound("The job has no such output.")
    return RedirectResponse(await links.output(row), status_code=307)
