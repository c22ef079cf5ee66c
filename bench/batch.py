"""Batches: rows accepted a second and the API's memory meanwhile, and how late the last row starts."""

import asyncio
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlmodel import Session
from temporalio.testing import ActivityEnvironment

from activities.batches import BatchActivities
from aijobs.bootstrap import open_database
from aijobs.domain.jobs.batches.batch import BatchPhase, BatchRequest
from aijobs.domain.jobs.job import JobBrief, JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.workflow_control import WorkflowStatus
from aijobs.persistence.batches import loading
from aijobs.persistence.batches.feed import DatabaseBatchFeed
from aijobs.persistence.batches.loading import CheckedItem
from aijobs.persistence.repositories import DatabaseRecords
from bench.report import Aim, Report
from bench.rig.installation import installed, started_api
from bench.rig.resource_usage import children_of, peak_memory
from bench.rig.workspace import MODEL, POINTS_ENOUGH, USER, catalogue_with_polls, settings_in

ROWS: Final = 100_000
ROWS_OF_FEED: Final = 500
CONCURRENCY: Final = 50
JOB_LASTS: Final = timedelta(seconds=10)
MOST_LATE: Final = 1.05
MOST_MEMORY: Final = 100 * 1024 * 1024
PREPARE: Final = 500  #: rows of a batch before the one that is measured, so that all code is loaded


class _EndingJobs:
    """Implements JobWorkflowControl. A job that is started ends after a while, and takes no processor for it."""

    def __init__(self, records: DatabaseRecords, lasts: timedelta) -> None:
        self._records = records
        self._lasts = lasts
        self._ends: set[asyncio.Task[None]] = set()
        self.last_start = 0.0
        self.started = 0

    async def start(self, brief: JobBrief) -> None:
        self.last_start = time.monotonic()
        self.started += 1
        end = asyncio.create_task(self._end(brief.code))
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)

    async def _end(self, code: str) -> None:
        await asyncio.sleep(self._lasts.total_seconds())
        error = JobError(code="bench", message="It was never sent.", stage=Stage.SUBMIT)
        await self._records.gate.advance(code, JobStatus.FAILED, error=error)

    async def watch_late(self, brief: JobBrief) -> None: ...

    async def wake_batch(self, code: str) -> None: ...

    async def status_of(self, workflow_id: str) -> WorkflowStatus:
        return WorkflowStatus.RUNNING if workflow_id else WorkflowStatus.NONE

    async def running_jobs(self) -> list[str]:
        return []

    async def cancel(self, job_code: str) -> None: ...

    async def stop(self, job_code: str, reason: str) -> None: ...


async def measure(*, quick: bool) -> Report:
    rows, fed, concurrency = (2000, 30, 10) if quick else (ROWS, ROWS_OF_FEED, CONCURRENCY)
    lasts = timedelta(seconds=1) if quick else JOB_LASTS
    taken = [await _accepted(rows, suffix) for suffix in (".jsonl", ".csv")]
    ideal, needed = await _fed(fed, concurrency, lasts)
    memory = max(more for _, more, _ in taken)
    return Report(
        title="batch: thousands of rows",
        how=f"A batch of {rows} rows over HTTP to one API process on SQLite, each row checked as a job is; memory is "
        f"what the process grew by at most. Then {fed} rows of jobs of {lasts.total_seconds():g} s, {concurrency} at a "
        "time, fed by one worker: from the first start to the last, against the time of jobs without any gap.",
        columns=("", "seconds", "rows/s", "memory"),
        rows=[
            *(
                (f"accept {name}", f"{seconds:.1f}", f"{rows / seconds:.0f}", f"+{more / 2**20:.0f} MiB")
                for seconds, more, name in taken
            ),
            ("feed, ideal", f"{ideal:.2f}", f"{fed / ideal:.0f}", ""),
            ("feed", f"{needed:.2f}", f"{fed / needed:.0f}", ""),
        ],
        aims=[
            Aim(f"the last row starts at {MOST_LATE} of the ideal at most", needed / ideal <= MOST_LATE),
            Aim(f"the API grows by {MOST_MEMORY // 2**20} MiB at most", memory <= MOST_MEMORY),
        ],
        notes=[f"the last row started at {needed / ideal:.3f} of the ideal"],
    )


async def _accepted(rows: int, suffix: str) -> tuple[float, int, str]:
    """Seconds until the answer, bytes by which the API's process grew, and the format's name."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        installation = await installed(stack, folder)
        api = await started_api(stack, installation)
        process = children_of(os.getpid())[-1]
        head = {"params": {"upscale_factor": 4}, "concurrency": 5, "start_at": "2100-01-01T00:00:00Z"}
        await api.submit_batch(MODEL, _file(folder, PREPARE, suffix), head, idempotency_key=None)
        file, before = _file(folder, rows, suffix), peak_memory(process)
        began = time.perf_counter()
        made = await api.submit_batch(MODEL, file, head, idempotency_key=None)
        seconds = time.perf_counter() - began
        assert made["total"] == rows, made
        return seconds, peak_memory(process) - before, f"{suffix[1:].upper()}, {file.stat().st_size / 1e6:.0f} MB"


def _file(folder: Path, rows: int, suffix: str) -> Path:
    path = folder / f"{rows}{suffix}"
    with path.open("w", encoding="utf-8") as file:
        if suffix == ".csv":
            file.write("image,metadata.page\n")
            file.writelines(f"https://example.com/{number}.jpg,{number}\n" for number in range(rows))
        else:
            file.writelines(
                f'{{"params": {{"image": "https://example.com/{number}.jpg"}}, "metadata": {{"page": "{number}"}}}}\n'
                for number in range(rows)
            )
    return path


async def _fed(rows: int, concurrency: int, lasts: timedelta) -> tuple[float, float]:
    """Seconds from the first start to the last: ideally, and as it was."""
    catalogue = catalogue_with_polls(timedelta(seconds=1))
    with tempfile.TemporaryDirectory() as folder:
        async with open_database(settings_in(Path(folder))) as database:
            records = DatabaseRecords(database, catalogue)
            engine = _EndingJobs(records, lasts)
            feed = DatabaseBatchFeed(database, catalogue, daily_limit=POINTS_ENOUGH)

            def load(session: Session) -> str:
                request = BatchRequest(model_id=MODEL, concurrency=concurrency)
                batch = loading.begin(session, request, catalogue.model(MODEL), user_id=USER, created_by=USER)
                assert batch.id is not None
                loading.add_items(session, batch.id, 0, _items(rows))
                return loading.publish(session, batch.id, Counter({USER: rows}), daily_limit=POINTS_ENOUGH).code

            code = await database.write(load)
            activities, began = BatchActivities(feed, records.starts, engine), time.monotonic()
            while (await ActivityEnvironment().run(activities.feed, code)).phase is not BatchPhase.OVER:
                pass
            assert engine.started == rows, engine.started
            return (rows / concurrency - 1) * lasts.total_seconds(), engine.last_start - began


def _items(rows: int) -> Sequence[CheckedItem]:
    return [
        CheckedItem(user_id=USER, params={"image": f"https://example.com/{number}.jpg"}, metadata={})
        for number in range(rows)
    ]
