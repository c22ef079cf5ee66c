"""`/api/jobs`: create, list, get, cancel, delete."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Final

from fastapi import APIRouter, Body, Depends, Query
from fastapi.openapi.models import Example
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.jobs.slots.fair_queue import DEFAULT_PRIORITY
from aijobs.domain.values.scopes import Scope
from aijobs.domain.values.timestamps import Timestamp
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.jobs.search import JobFilter, count_jobs, jobs_page
from aijobs.usecases.delete import JOB
from api.auth.caller import Reader, Writer
from api.checked_route import KeyedParameter
from api.dependencies import Accept, Cancel, Db, Deleting, ExportFound, Jobs
from api.problems import problem_responses
from api.requests.paths import CodeCursor, JobCode, queried_status
from api.requests.strict_json import StrictRoute
from api.schemas.exports import ExportFormat, documented, export_response
from api.schemas.job_responses import with_exchange
from api.schemas.jobs import Job, JobList, JobTotal, JobWithExchange
from api.schemas.stored_responses import IdempotencyKey, receipt_response

MAX_PAGE: Final = 100
MAX_METADATA_FILTERS: Final = 5


#: Bodies of `POST /api/jobs`, for the documentation.
EXAMPLES: Final[dict[str, Example]] = {
    "a link": {
        "summary": "A service's key, a photo on the web",
        "value": {
            "user_id": "ada",
            "model_id": "replicate_imageupscale_v1",
            "params": {"image": "https://example.com/photo.jpg", "upscale_factor": 4},
            "metadata": {"album": "holidays"},
        },
    },
    "an upload": {
        "summary": "A user's own key, a photo that was uploaded before",
        "value": {
            "model_id": "replicate_imageupscale_v1",
            "params": {"image": "file_06FNXQ3W9E8Y7ZKDRT2M5S4HBC", "enhance_model": "Low Resolution V2"},
        },
    },
}

router = APIRouter(prefix="/api/jobs", tags=["jobs"], route_class=StrictRoute)


class Expansion(StrEnum):
    """What a job can be expanded with."""

    EXCHANGE = "exchange"


class CancelRequest(BaseModel):
    """Why a job is to be canceled."""

    model_config = ConfigDict(extra="forbid")

    reason: str | None = Field(default=None, max_length=500, examples=["The user closed the page."])


class SortOrder(StrEnum):
    """In which order jobs are listed: by the time of their creation."""

    NEWEST_FIRST = "-create_time"
    OLDEST_FIRST = "create_time"


class JobSearch(BaseModel):
    """Filters, which must all fit, and the order. `metadata[key]` is read beside it."""

    model_config = ConfigDict(protected_namespaces=())

    status: list[str] = Field(default=[], max_length=20, description="Names or numbers of statuses.")
    model: str | None = Field(default=None, max_length=100, description="A `model_id`.")
    q: str = Field(
        default="",
        max_length=200,
        description="The beginning of a code, or the whole id at the provider; or else the end of a code, or a part of "
        "the parameters, the metadata, the error or the name of an upload.",
    )
    error: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="The `code` of an error.",
        examples=["provider_rejected"],
    )
    out_id: str | None = Field(default=None, min_length=1, max_length=200, description="The whole id at the provider.")
    created_after: Timestamp | None = Field(default=None, description="RFC 3339, inclusive.")
    created_before: Timestamp | None = Field(default=None, description="RFC 3339, exclusive.")
    sort: SortOrder = SortOrder.NEWEST_FIRST

    def job_filter(self, user_id: str | None, metadata: Mapping[str, str]) -> JobFilter:
        """Raises BadInput for an unknown status."""
        return JobFilter(
            user_id=user_id,
            statuses=frozenset(map(queried_status, self.status)),
            model_id=self.model,
            text=self.q.strip(),
            error=self.error,
            out_id=self.out_id,
            metadata=metadata,
            created_after=self.created_after,
            created_before=self.created_before,
            oldest_first=self.sort is SortOrder.OLDEST_FIRST,
        )


class JobQuery(JobSearch):
    """Which jobs, and which page of them."""

    total: bool = Field(default=False, description="Whether to count those on all pages, too.")
    cursor: CodeCursor | None = None
    limit: int = Field(default=20, ge=1, le=MAX_PAGE)


class JobExportQuery(JobSearch):
    """Which jobs, and in what form."""

    format: ExportFormat = ExportFormat.JSONL


METADATA: Final = KeyedParameter("metadata", max_keys=MAX_METADATA_FILTERS)
METADATA_DOCUMENTED: Final = METADATA.documented(
    "`metadata[album]=holidays`: the whole value of a key of the metadata."
)
MetadataFilter = Annotated[Mapping[str, str], Depends(METADATA)]


@router.post(
    "",
    status_code=202,
    summary="Submit a job",
    response_model=Job,
    responses=problem_responses(400, 401, 402, 403, 409, 413, 415, 422),
)
async def create_job(
    order: Annotated[JobRequest, Body(openapi_examples=EXAMPLES)],
    caller: Writer,
    accept: Accept,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """When this responds, the points are reserved and the job is stored durably."""
    if order.priority < DEFAULT_PRIORITY:
        caller.needs(Scope.JOBS_PRIORITY)
    return receipt_response(await accept(order, caller.owner(order.user_id), idempotency_key=idempotency_key))


@router.get(
    "",
    summary="List and search jobs",
    responses=problem_responses(401, 403, 422),
    openapi_extra=METADATA_DOCUMENTED,
)
async def list_jobs(
    query: Annotated[JobQuery, Query()], metadata: MetadataFilter, caller: Reader, database: Db, jobs: Jobs
) -> JobList:
    """The jobs of the caller's user; with a service key that names no user, those of all users.

    What is in documents (a part of a text, an error, metadata) is looked for in 5,000 jobs for each page: a page may
    be empty and yet have a `next_cursor`, with which to look into the older ones.
    """
    job_filter = replace(query.job_filter(caller.visible_user, metadata), cursor=query.cursor)
    rows, next_page = await database.snapshot(jobs_page, job_filter, limit=query.limit)
    counted = await database.snapshot(count_jobs, job_filter) if query.total else None
    return JobList(
        data=await jobs.of(rows),
        has_more=next_page is not None,
        next_cursor=next_page,
        total=JobTotal(count=counted.count, is_exact=counted.is_exact) if counted else None,
    )


@router.get(
    "/export",
    summary="Export jobs",
    response_class=StreamingResponse,
    responses={**documented("A line for each job, in their order."), **problem_responses(401, 403, 422)},
    openapi_extra=METADATA_DOCUMENTED,
)
async def export_jobs(
    query: Annotated[JobExportQuery, Query()], metadata: MetadataFilter, caller: Reader, export: ExportFound
) -> StreamingResponse:
    """All jobs that a search finds, as one file. JSON Lines are jobs as `GET /api/jobs` has them; links expire."""
    job_filter = query.job_filter(caller.visible_user, metadata)
    lines = await export(job_filter, as_csv=query.format is ExportFormat.CSV)
    return export_response(lines, query.format, name="jobs")


@router.get("/{code}", summary="Look at a job", responses=problem_responses(401, 403, 404, 422))
async def get_job(
    caller: Reader,
    code: JobCode,
    database: Db,
    jobs: Jobs,
    expand: Annotated[list[Expansion], Query(description="`exchange`: with the provider's request and response.")] = [],  # noqa: B006
) -> JobWithExchange | Job:
    row = await database.read(job_of, code, user_id=caller.visible_user)
    document = await jobs.one(row)
    return with_exchange(document, row) if Expansion.EXCHANGE in expand else document


@router.delete(
    "/{code}",
    status_code=204,
    summary="Delete a job",
    responses=problem_responses(401, 403, 404, 409),
)
async def delete_job(caller: Writer, code: JobCode, delete: Deleting) -> None:
    """It is gone at once, with what it made, and is erased later. 409 while it has not ended, or its points are held.

    Its uploads stay. Points and costs stay counted.
    """
    await delete(JOB, code, caller.actor)


@router.post(
    "/{code}/cancel",
    status_code=202,
    summary="Cancel a job",
    responses=problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
async def cancel_job(
    caller: Writer, code: JobCode, cancel: Cancel, jobs: Jobs, body: CancelRequest | None = None
) -> Job:
    """Requests cancellation. The job becomes CANCELED a little later, unless it ends otherwise before."""
    return await jobs.one(await cancel(code, caller.actor, reason=body.reason if body else None))
