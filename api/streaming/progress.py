"""A job's progress for simple front ends: INIT, PROGRESS, then COMPLETE or ERROR, for `EventSource.onmessage`."""

import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, assert_never

from sqlmodel import Session

from aijobs.domain.jobs.events import EventKind, JobEvent
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import Database
from aijobs.persistence.documents.client_task_ids import job_of_task
from aijobs.persistence.jobs.event_log import EventFilter
from api.streaming.event import one_line
from api.streaming.hub import EventHub
from api.streaming.open_streams import OpenStream
from api.streaming.replay import follow
from api.streaming.sse import HEARTBEAT_FRAME, JobHistory, opening_frame

STREAM_AT_MOST: Final = timedelta(minutes=30)

STAGES: Final = int(JobStatus.SUCCESS)
"""`totalStages` of a job without stages of its own: the number of statuses up to SUCCESS."""

BEGUN: Final = "任务已开始"
BEGINNING: Final = 0
"""The number of the first frame, which stands for the job's first event too."""


@dataclass(frozen=True, kw_only=True)
class ProgressStream:
    """`task_id` is the front end's name for the job; `code` is None while no job has that name.

    `after` is the number of the last frame received. With `is_generated` the server chose the name, and frames carry it
    in their `id`, so that a browser that reconnects by itself gets the same job.
    """

    task_id: str
    user_id: str | None
    is_generated: bool
    code: str | None
    after: int | None

    async def frames(self, live: EventHub, stream: OpenStream) -> AsyncGenerator[bytes]:
        ends_at = time.monotonic() + STREAM_AT_MOST.total_seconds()
        yield opening_frame()
        if self.after is None:
            yield self._frame(BEGINNING, {"type": "INIT", "taskId": self.task_id, "message": BEGUN, "progress": 0})
        code = self.code
        async with aclosing(self._found_codes(live, stream)) as found_codes:
            while code is None and time.monotonic() < ends_at and stream.ending is None:
                code = await anext(found_codes, None)
                yield HEARTBEAT_FRAME
        if code is None:
            return
        async with aclosing(follow(live, JobHistory(code), self.after or BEGINNING, stream)) as batches:
            async for batch in batches:
                yield b"".join(self._frame_of(event.event) for event in batch) or HEARTBEAT_FRAME
                if time.monotonic() >= ends_at:
                    return

    async def _found_codes(self, live: EventHub, stream: OpenStream) -> AsyncGenerator[str | None]:
        """The job's code or None: at once, whenever a job of the user begins, and at each heartbeat."""
        async with live.subscribed(EventFilter(user_id=self.user_id)) as subscription:
            stream.attach(subscription)
            with stream.needing_database():
                while not subscription.is_over:
                    yield await live.read(_code_of(live.database, self.task_id, self.user_id))
                    while (events := await subscription.take()) and all(event.event.seq > 1 for event in events):
                        pass

    def _frame_of(self, event: JobEvent) -> bytes:
        """An event that is not shown gives a frame with its `id` only, which browsers keep for reconnecting."""
        match event.kind:
            case EventKind.STATUS | EventKind.PROGRESS if event.seq > 1:
                return self._frame(event.seq, progress_message(self.task_id, event))
            case EventKind.STATUS | EventKind.PROGRESS | EventKind.NOTE:
                return f"id: {self._id(event.seq)}\n\n".encode()
            case unreachable:
                assert_never(unreachable)

    def _frame(self, number: int, message: Mapping[str, Any]) -> bytes:
        return f"id: {self._id(number)}\ndata: {one_line(json.dumps(message, ensure_ascii=False))}\n\n".encode()

    def _id(self, number: int) -> str:
        return f"{self.task_id}/{number}" if self.is_generated else str(number)


def progress_message(task_id: str, event: JobEvent) -> dict[str, Any]:
    """An event as a message of type PROGRESS, COMPLETE or ERROR."""
    if event.is_end:
        return _end_message(task_id, event)
    stage, stages = event.detail.get("stage"), event.detail.get("stages")
    has_own_stages = type(stage) is int and type(stages) is int
    return {
        "type": "PROGRESS",
        "taskId": task_id,
        "currentStage": stage if has_own_stages else int(event.job_status),
        "totalStages": stages if has_own_stages else STAGES,
        "progress": int(event.overall_progress),
        "message": f"{event.job_status_desc} ({stage}/{stages})" if has_own_stages else event.job_status_desc,
    }


def _end_message(task_id: str, event: JobEvent) -> dict[str, Any]:
    is_success = event.job_status is JobStatus.SUCCESS
    error = event.detail.get("error") or {}
    return {
        "type": "COMPLETE" if is_success else "ERROR",
        "taskId": task_id,
        "progress": 100 if is_success else -1,
        "message": error.get("message", event.job_status_desc),
        "success": is_success,
    }


async def _code_of(database: Database, task_id: str, user_id: str | None) -> str | None:
    def work(session: Session) -> str | None:
        job = job_of_task(session, task_id, user_id=user_id)
        return job.code if job else None

    return await database.read(work)
