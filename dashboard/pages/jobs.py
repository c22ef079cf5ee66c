"""The list of jobs: filters, search, pages of fifty, and rows that are painted anew as their jobs go on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.jobs.outputs import outputs_of
from aijobs.persistence.jobs.queries import JobFilter, count_newer, jobs_by_code, jobs_page
from aijobs.persistence.tables import JobRow
from api.dependencies import Models
from dashboard.page import PageRequest, PageRoute, Visiting
from dashboard.thumbnails import SHOWN

PAGE_LENGTH: Final = 50
MAX_FRESH: Final = 100
"""To so many new jobs it is counted how many there are."""

LAST_DAY: Final = date(9998, 12, 31)  #: the next one still is a day

router = APIRouter(route_class=PageRoute, include_in_schema=False)

#: A form sends fields that nobody has filled in, too.
OptionalDay = Annotated[date | None, BeforeValidator(lambda written: written or None)]
STATUS_AS_WRITTEN: Final = {name: status for status in JobStatus for name in (status.name, str(status.value))}
Statuses = Annotated[
    list[JobStatus], BeforeValidator(lambda written: [STATUS_AS_WRITTEN.get(one.upper(), one) for one in written])
]


class JobsQuery(BaseModel):
    """What the form above the list asks for. Days are UTC, both inclusive."""

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
        """The part of the list's address behind `?`."""
        filled = self.model_dump(mode="json", exclude_defaults=True) | {"cursor": cursor or None}
        return urlencode({name: value for name, value in filled.items() if value}, doseq=True)

    def search(self, visit: PageRequest) -> JobFilter:
        return JobFilter(
            text=self.q.strip(),
            user_id=visit.whose(self.user),
            statuses=frozenset(self.status),
            model_id=self.model or None,
            created_after=_midnight(self.after) if self.after else None,
            created_before=_midnight(self.before) + timedelta(days=1) if self.before else None,
            before=self.cursor or None,
        )


def _midnight(day: date) -> datetime:
    day = min(day, LAST_DAY)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@dataclass(frozen=True)
class JobLine:
    """A row of the list. `thumbnail` is the index of the output that is shown small, if one can be."""

    job: JobRow
    thumbnail: int | None


@router.get("/jobs")
async def list_jobs(visit: Visiting, models: Models, wanted: Annotated[JobsQuery, Query()]) -> HTMLResponse:
    async with visit.database.read() as session:
        rows, has_more = await jobs_page(session, wanted.search(visit), limit=PAGE_LENGTH)
    lines = await lines_of(visit, rows)
    return await visit.page(
        "jobs.html",
        here="jobs",
        wanted=wanted,
        models=sorted(model.model_id for model in models),
        lines=lines,
        next_page=wanted.address(cursor=rows[-1].code) if has_more else None,
        **_live(rows),
    )


@router.get("/jobs/rows")
async def repaint_rows(visit: Visiting, code: Annotated[list[str], Query(max_length=PAGE_LENGTH)]) -> HTMLResponse:
    """The rows of some jobs, each to take the place of the one that is there."""
    async with visit.database.read() as session:
        rows = await jobs_by_code(session, code, user_id=visit.caller.visible_user)
    return await visit.page("pieces/rows.html", lines=await lines_of(visit, rows))


@router.get("/jobs/fresh")
async def count_fresh(visit: Visiting, wanted: Annotated[JobsQuery, Query()]) -> HTMLResponse:
    """How many jobs have come since the list was shown; `cursor` is its first one."""
    search = replace(wanted.search(visit), before=None)
    async with visit.database.read() as session:
        count = await count_newer(session, search, wanted.cursor, at_most=MAX_FRESH)
    return await visit.page("pieces/fresh.html", count=count, at_most=MAX_FRESH, query=wanted.address())


async def lines_of(visit: PageRequest, rows: Sequence[JobRow]) -> list[JobLine]:
    done = [row.code for row in rows if row.job_status is JobStatus.SUCCESS]
    async with visit.database.read() as session:
        outputs = await outputs_of(session, *done) if done else []
    shown = {
        output.job_code: output.index
        for output in reversed(outputs)
        if output.kind is OutputKind.IMAGE and output.media_type in SHOWN
    }
    return [JobLine(row, shown.get(row.code)) for row in rows]


def _live(rows: Sequence[JobRow]) -> dict[str, Any]:
    """Which jobs the page follows: one stream for all of them."""
    going_on = [row.code for row in rows if not row.job_status.is_final]
    return {
        "stream": f"/api/events?{urlencode({'code': going_on}, doseq=True)}" if going_on else None,
        "newest": rows[0].code if rows else None,
    }
