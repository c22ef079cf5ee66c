"""The list of jobs: search, filters, pages of fifty, columns to choose, and rows that are updated live."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import BeforeValidator, Field, StringConstraints

from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.jobs.waiting import WaitFor, Waiting
from aijobs.domain.lifecycle import STATUS_AS_WRITTEN, JobStatus
from aijobs.domain.values.ids import moment_of
from aijobs.persistence.column_types import now
from aijobs.persistence.jobs.outputs import outputs_of
from aijobs.persistence.jobs.search import JobFilter, count_jobs, count_newer, jobs_by_code, jobs_page
from aijobs.persistence.jobs.waiting import waiting_of
from aijobs.persistence.tables import JobRow
from api.auth.caller import Reader
from api.dependencies import Models
from dashboard.addresses import local_path
from dashboard.forms.list_query import ListQuery, Period
from dashboard.page import PageRequest, PageRoute, Visiting, go_to
from dashboard.pages.job_views import views_of
from dashboard.pages.login import remember
from dashboard.thumbnails import has_thumbnail

PAGE_LENGTH: Final = 50
MAX_FRESH: Final = 100
"""New jobs are counted up to this number."""

COLUMNS_COOKIE: Final = "aijobs_columns"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


class ListColumn(StrEnum):
    """What a row shows, besides the code and the status."""

    PICTURE = "picture"
    PROGRESS = "progress"
    MODEL = "model"
    USER = "user"
    CREATED = "created"
    TOOK = "took"
    POINTS = "points"
    PROVIDER_ID = "provider_id"
    METADATA = "metadata"
    PARAMETERS = "parameters"


SHOWN_FIRST: Final = (
    ListColumn.PICTURE,
    ListColumn.PROGRESS,
    ListColumn.MODEL,
    ListColumn.USER,
    ListColumn.CREATED,
    ListColumn.TOOK,
)


class ListOrder(StrEnum):
    """By the time of creation."""

    NEWEST = ""
    OLDEST = "oldest"


def _statuses(sent: list[str]) -> list[JobStatus]:
    if unknown := [text for text in sent if text.upper() not in STATUS_AS_WRITTEN]:
        raise ValueError(f"There is no such status: {unknown[0][:20]}.")
    return [STATUS_AS_WRITTEN[text.upper()] for text in sent]


Statuses = Annotated[list[JobStatus], BeforeValidator(_statuses)]
MetadataPair = Annotated[str, StringConstraints(max_length=600, pattern="^([^=]+=.*)?$")]


class JobsQuery(ListQuery):
    """The query of the form above the list. `metadata` is `key=value`."""

    q: str = Field(default="", max_length=200)
    status: Statuses = Field(default=[], max_length=20)
    model: str = Field(default="", max_length=100)
    user: str = Field(default="", max_length=200)
    error: str = Field(default="", max_length=100)
    out_id: str = Field(default="", max_length=200)
    metadata: MetadataPair = ""
    sort: ListOrder = ListOrder.NEWEST

    @property
    def turned(self) -> ListOrder:
        return ListOrder.NEWEST if self.sort else ListOrder.OLDEST

    @property
    def has_more_filters(self) -> bool:
        """Whether one is set that the form shows only when it is asked to."""
        return bool(self.error or self.out_id or self.metadata or self.after or self.before)

    def job_filter(self, visit: PageRequest) -> JobFilter:
        """Of the page; one that is `back` is read from its end."""
        key, _, value = self.metadata.partition("=")
        is_back = bool(self.back)
        return JobFilter(
            text=self.q.strip(),
            user_id=visit.visible_user(self.user),
            statuses=frozenset(self.status),
            model_id=self.model or None,
            error=self.error.strip() or None,
            out_id=self.out_id.strip() or None,
            metadata={key: value} if key else {},
            created_after=self.since,
            created_before=self.until,
            cursor=self.back or self.cursor or None,
            oldest_first=(self.sort is ListOrder.OLDEST) is not is_back,
        )


@dataclass(frozen=True)
class JobLine:
    """A row of the list. `thumbnail` is the index of the output with a thumbnail, if there is one."""

    job: JobRow
    thumbnail: int | None
    waiting: Waiting | None

    @property
    def is_held_up(self) -> bool:
        """Whether it waits for something else than the work at its provider."""
        return self.waiting is not None and self.waiting.kind is not WaitFor.NEXT_QUESTION


@dataclass(frozen=True)
class ShownPage:
    """The rows of a page, and the queries of those beside it. `reached`: how far an unfinished search came."""

    rows: Sequence[JobRow]
    next: str | None
    previous: str | None
    reached: str | None


@router.get("/jobs")
async def list_jobs(visit: Visiting, models: Models, query: Annotated[JobsQuery, Query()]) -> HTMLResponse:
    job_filter = query.job_filter(visit)
    rows, more = await visit.database.snapshot(jobs_page, job_filter, limit=PAGE_LENGTH)
    shown = shown_page(query, rows, more)
    return await visit.page(
        "jobs.html",
        current="jobs",
        query=query,
        periods=tuple(Period),
        models=sorted(models, key=lambda model: model.model_id),
        lines=await lines_of(visit, shown.rows),
        shown=shown,
        total=await visit.database.snapshot(count_jobs, job_filter),
        searched_since=moment_of(shown.reached) if shown.reached else None,
        all_columns=[column for column in ListColumn if column is not ListColumn.USER or visit.sees_everybody],
        columns=columns_of(visit),
        views=views_of(visit.request),
        **_live_context(shown.rows),
    )


def shown_page(query: JobsQuery, rows: Sequence[JobRow], more: str | None) -> ShownPage:
    """`more` is where the list goes on in the direction in which it was read."""
    reached = more if more and len(rows) < PAGE_LENGTH else None
    if query.back:
        rows = rows[::-1]
        forth = query.address(cursor=rows[-1].code) if rows else query.address(cursor=more or "")
        return ShownPage(rows, forth, query.address(back=more) if more else None, reached)
    back = (rows[0].code if rows else "") if query.cursor else ""
    return ShownPage(
        rows, query.address(cursor=more) if more else None, query.address(back=back) if back else None, reached
    )


@router.get("/jobs/rows")
async def repaint_rows(visit: Visiting, code: Annotated[list[str], Query(max_length=PAGE_LENGTH)]) -> HTMLResponse:
    """The rows of some jobs, which replace those on the page."""
    rows = await visit.database.read(jobs_by_code, code, user_id=visit.caller.visible_user)
    return await visit.page("pieces/rows.html", lines=await lines_of(visit, rows), columns=columns_of(visit))


@router.get("/jobs/fresh")
async def count_fresh(visit: Visiting, query: Annotated[JobsQuery, Query()]) -> HTMLResponse:
    """How many jobs are newer than the list that is shown; `cursor` is its first job."""
    job_filter = replace(query.job_filter(visit), cursor=None)
    count = await visit.database.snapshot(count_newer, job_filter, query.cursor, at_most=MAX_FRESH)
    return await visit.page("pieces/fresh.html", count=count, at_most=MAX_FRESH, query=query.address())


@router.post("/jobs/columns")
async def choose_columns(
    _caller: Reader,
    column: Annotated[list[ListColumn], Form(max_length=len(ListColumn))] = [],  # noqa: B006
    back: Annotated[str, Form(max_length=2000)] = "/jobs",
) -> Response:
    response = go_to(local_path(back, otherwise="/jobs"))
    remember(response, COLUMNS_COOKIE, ".".join(["code", *column]))
    return response


def columns_of(visit: PageRequest) -> list[ListColumn]:
    """Those that the visitor has chosen, else the usual ones; never users where all jobs are of one."""
    chosen = visit.request.cookies.get(COLUMNS_COOKIE)
    names = SHOWN_FIRST if chosen is None else chosen.split(".")
    return [
        column for column in ListColumn if column in names and (column is not ListColumn.USER or visit.sees_everybody)
    ]


async def lines_of(visit: PageRequest, rows: Sequence[JobRow]) -> list[JobLine]:
    succeeded = [row.code for row in rows if row.job_status is JobStatus.SUCCESS]
    outputs = await visit.database.read(outputs_of, *succeeded) if succeeded else []
    thumbnails = {
        output.job_code: output.index
        for output in reversed(outputs)
        if output.kind in {OutputKind.IMAGE, OutputKind.VIDEO} and has_thumbnail(output)
    }
    at = now()
    return [JobLine(row, thumbnails.get(row.code), waiting_of(row, None, at=at)) for row in rows]


def _live_context(rows: Sequence[JobRow]) -> dict[str, Any]:
    """The URL of one stream of all running jobs, and the newest job."""
    running = [row.code for row in rows if not row.job_status.is_final]
    return {
        "stream": f"/api/events?{urlencode({'code': running}, doseq=True)}" if running else None,
        "newest": rows[0].code if rows else None,
    }
