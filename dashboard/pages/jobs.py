"""The list of jobs: filters, search, pages of fifty, and rows that are updated live."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.jobs.waiting import WaitFor, Waiting
from aijobs.domain.lifecycle import STATUS_AS_WRITTEN, JobStatus
from aijobs.domain.values.ids import moment_of
from aijobs.persistence.column_types import now
from aijobs.persistence.jobs.outputs import outputs_of
from aijobs.persistence.jobs.search import JobFilter, count_newer, jobs_by_code, jobs_page
from aijobs.persistence.jobs.waiting import waiting_of
from aijobs.persistence.tables import JobRow
from api.dependencies import Models
from dashboard.page import PageRequest, PageRoute, Visiting
from dashboard.thumbnails import has_thumbnail

PAGE_LENGTH: Final = 50
MAX_FRESH: Final = 100
"""New jobs are counted up to this number."""

LAST_DAY: Final = date(9998, 12, 31)  #: a `date` must exist for the day after it

router = APIRouter(route_class=PageRoute, include_in_schema=False)


def _day(text: object) -> object:
    """None for an empty field, which a form also sends. Pydantic would take a number for seconds since 1970."""
    if text and not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", str(text)):
        raise ValueError("Must be a day: YYYY-MM-DD.")
    return text or None


OptionalDay = Annotated[date | None, BeforeValidator(_day)]


def _statuses(sent: list[str]) -> list[JobStatus]:
    if unknown := [text for text in sent if text.upper() not in STATUS_AS_WRITTEN]:
        raise ValueError(f"There is no such status: {unknown[0][:20]}.")
    return [STATUS_AS_WRITTEN[text.upper()] for text in sent]


Statuses = Annotated[list[JobStatus], BeforeValidator(_statuses)]


class JobsQuery(BaseModel):
    """The query of the form above the list. Days are UTC, both inclusive."""

    model_config = ConfigDict(protected_namespaces=())

    q: str = Field(default="", max_length=200)
    status: Statuses = Field(default=[], max_length=20)
    model: str = Field(default="", max_length=100)
    user: str = Field(default="", max_length=200)
    after: OptionalDay = None
    before: OptionalDay = None
    cursor: str = Field(default="", max_length=100)

    @property
    def is_filtered(self) -> bool:
        return bool(self.model_dump(exclude_defaults=True, exclude={"cursor"}))

    def address(self, *, cursor: str = "") -> str:
        """The query string of the list's URL."""
        fields = self.model_dump(mode="json", exclude_defaults=True) | {"cursor": cursor or None}
        return urlencode({name: value for name, value in fields.items() if value}, doseq=True)

    def job_filter(self, visit: PageRequest) -> JobFilter:
        return JobFilter(
            text=self.q.strip(),
            user_id=visit.visible_user(self.user),
            statuses=frozenset(self.status),
            model_id=self.model or None,
            created_after=midnight(self.after) if self.after else None,
            created_before=midnight(self.before) + timedelta(days=1) if self.before else None,
            cursor=self.cursor or None,
        )


def midnight(day: date) -> datetime:
    day = min(day, LAST_DAY)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


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


@router.get("/jobs")
async def list_jobs(visit: Visiting, models: Models, query: Annotated[JobsQuery, Query()]) -> HTMLResponse:
    rows, next_page = await visit.database.snapshot(jobs_page, query.job_filter(visit), limit=PAGE_LENGTH)
    lines = await lines_of(visit, rows)
    return await visit.page(
        "jobs.html",
        current="jobs",
        query=query,
        models=sorted(model.model_id for model in models),
        lines=lines,
        next_page=query.address(cursor=next_page) if next_page else None,
        searched_since=moment_of(next_page) if next_page and len(rows) < PAGE_LENGTH else None,
        **_live_context(rows),
    )


@router.get("/jobs/rows")
async def repaint_rows(visit: Visiting, code: Annotated[list[str], Query(max_length=PAGE_LENGTH)]) -> HTMLResponse:
    """The rows of some jobs, which replace those on the page."""
    rows = await visit.database.read(jobs_by_code, code, user_id=visit.caller.visible_user)
    return await visit.page("pieces/rows.html", lines=await lines_of(visit, rows))


@router.get("/jobs/fresh")
async def count_fresh(visit: Visiting, query: Annotated[JobsQuery, Query()]) -> HTMLResponse:
    """How many jobs are newer than the list that is shown; `cursor` is its first job."""
    job_filter = replace(query.job_filter(visit), cursor=None)
    count = await visit.database.snapshot(count_newer, job_filter, query.cursor, at_most=MAX_FRESH)
    return await visit.page("pieces/fresh.html", count=count, at_most=MAX_FRESH, query=query.address())


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
