"""Batches: the list, and the page of each, which is updated live; its buttons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlmodel import Session

from aijobs.domain.jobs.batches.batch import BatchProgress, BatchStatus
from aijobs.domain.lifecycle import BAD_ENDS, ORDER, JobStatus
from aijobs.persistence.batches.queries import batch_and_progress, batches_page, failures_of, items_page
from aijobs.persistence.tables import BatchRow
from api.auth.caller import Writer
from api.dependencies import Steer
from api.requests.paths import BatchCode, CodeCursor, RowCursor
from dashboard.page import PageRequest, PageRoute, Visiting, go_to
from dashboard.pages.jobs import Statuses

PAGE_LENGTH: Final = 50
MAX_FAILURES: Final = 10

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True)
class Segment:
    """A part of the bar that shows how the items stand, in percent of its width."""

    status: JobStatus
    count: int
    start: float
    width: float


@dataclass(frozen=True)
class ShownBatch:
    """A batch with what is drawn of it."""

    row: BatchRow
    progress: BatchProgress

    @property
    def percent(self) -> float:
        return 100 * self.progress.ended / self.progress.total if self.progress.total else 0.0

    @property
    def segments(self) -> Sequence[Segment]:
        """What succeeded first, then what ended badly, then what runs, and what waits."""
        return _segments(self.progress.counts, self.progress.total)

    @property
    def is_over(self) -> bool:
        return self.row.ended_at is not None

    @property
    def may_pause(self) -> bool:
        return self.row.batch_status == BatchStatus.RUNNING

    @property
    def may_resume(self) -> bool:
        return self.row.batch_status == BatchStatus.PAUSED

    @property
    def may_rerun(self) -> bool:
        return any(status in BAD_ENDS for status in self.progress.counts)


def _segments(counts: Mapping[JobStatus, int], total: int) -> list[Segment]:
    order = (JobStatus.SUCCESS, *BAD_ENDS, *reversed(ORDER[:-1]))
    segments, start = [], 0.0
    for status in order:
        if count := counts.get(status, 0):
            width = 100 * count / total
            segments.append(Segment(status, count, round(start, 3), round(width, 3)))
            start += width
    return segments


@router.get("/batches")
async def list_batches(
    visit: Visiting, user: Annotated[str, Query(max_length=200)] = "", cursor: CodeCursor | None = None
) -> HTMLResponse:
    rows, has_more = await visit.database.snapshot(
        batches_page, user_id=visit.visible_user(user), before=cursor, limit=PAGE_LENGTH
    )
    return await visit.page(
        "batches.html",
        current="batches",
        user=user,
        batches=[ShownBatch(*row) for row in rows],
        next_page=rows[-1][0].code if has_more else None,
    )


@router.get("/batches/{code}")
async def show_batch(
    visit: Visiting,
    code: BatchCode,
    status: Annotated[Statuses, Query(max_length=20)] = [],  # noqa: B006
    cursor: RowCursor | None = None,
) -> HTMLResponse:
    shown = await _batch(visit, code, status, cursor)
    stream = None if shown["batch"].is_over else f"/api/batches/{code}/events"
    return await visit.page("batch.html", current="batches", stream=stream, **shown)


@router.get("/batches/{code}/live")
async def repaint_batch(visit: Visiting, code: BatchCode) -> HTMLResponse:
    """The part of the page that changes."""
    return await visit.page("pieces/batch.html", **await _batch(visit, code, [], None))


@router.post("/batches/{code}/pause")
async def pause(caller: Writer, code: BatchCode, steer: Steer) -> RedirectResponse:
    await steer.pause(code, caller.actor)
    return go_to(f"/batches/{code}")


@router.post("/batches/{code}/resume")
async def resume(caller: Writer, code: BatchCode, steer: Steer) -> RedirectResponse:
    await steer.resume(code, caller.actor)
    return go_to(f"/batches/{code}")


@router.post("/batches/{code}/cancel")
async def cancel(caller: Writer, code: BatchCode, steer: Steer) -> RedirectResponse:
    await steer.cancel(code, caller.actor)
    return go_to(f"/batches/{code}")


@router.post("/batches/{code}/rerun")
async def rerun(caller: Writer, code: BatchCode, steer: Steer) -> RedirectResponse:
    await steer.rerun(code, caller.actor)
    return go_to(f"/batches/{code}")


async def _batch(visit: PageRequest, code: str, statuses: Sequence[JobStatus], cursor: int | None) -> dict[str, Any]:
    user_id = visit.caller.visible_user

    def work(session: Session) -> dict[str, Any]:
        row, progress = batch_and_progress(session, code, user_id=user_id)
        items, has_more = items_page(session, code, user_id=user_id, statuses=statuses, after=cursor, limit=PAGE_LENGTH)
        return {
            "batch": ShownBatch(row, progress),
            "failures": failures_of(session, row, at_most=MAX_FAILURES),
            "items": items,
            "statuses": statuses,
            "next_page": items[-1].row.number if has_more else None,
            "is_first": cursor is None,
        }

    return await visit.database.snapshot(work)
