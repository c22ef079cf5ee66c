"""Starting the workflows of accepted jobs right after their acceptance, and not within the request."""

import asyncio
from collections import deque
from contextvars import Context
from datetime import timedelta
from typing import Final

import structlog

from aijobs.domain.errors import TemporalUnavailable, TransientError
from aijobs.domain.jobs.job import JobBrief
from aijobs.domain.ports.jobs import JobStarts
from aijobs.domain.ports.workflow_control import JobEngine

AT_ONCE: Final = 32
MAX_WAITING: Final = 1000
"""What comes beyond is left to a worker: then Temporal is away, or slower than the requests."""

GATHERING: Final = timedelta(milliseconds=2)
"""So long a start waits for others, and lets the answer to its request leave first."""

CLOSING: Final = timedelta(seconds=2)

log = structlog.get_logger()


class JobStarter:
    """Starts jobs in the background, several at once. What it cannot start, a worker starts (`JobStarts.forgotten`)."""

    def __init__(self, engine: JobEngine, starts: JobStarts) -> None:
        self._engine = engine
        self._starts = starts
        self._waiting: deque[JobBrief] = deque()
        self._running: asyncio.Task[None] | None = None

    def start_soon(self, brief: JobBrief) -> None:
        """Start a job whose start is noted in the database. Returns at once, and never raises."""
        if len(self._waiting) >= MAX_WAITING:
            log.warning("job_left_to_a_worker", job=brief.code, reason="too many jobs wait for their start")
            return
        self._waiting.append(brief)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._start_waiting(), context=Context())  # no single request's

    async def close(self) -> None:
        """Start what waits, within CLOSING; a worker starts the rest."""
        if self._running is not None:
            await asyncio.wait([self._running], timeout=CLOSING.total_seconds())
            self._running.cancel()

    async def _start_waiting(self) -> None:
        await asyncio.sleep(GATHERING.total_seconds())
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            outcomes = await asyncio.gather(*(self._try_to_start(brief) for brief in batch))
            started = [brief.code for brief, is_started in zip(batch, outcomes, strict=True) if is_started]
            if started:
                await self._note_started(started)
            else:
                self._waiting.clear()  # Temporal is away: the workers wait for it

    async def _try_to_start(self, brief: JobBrief) -> bool:
        try:
            await self._engine.start(brief)
        except TemporalUnavailable as error:
            log.warning("job_left_to_a_worker", job=brief.code, reason=str(error))
            return False
        return True

    async def _note_started(self, codes: list[str]) -> None:
        try:
            await self._starts.started(codes)
        except TransientError as error:  # then a worker starts them once more, which changes nothing
            log.warning("starts_not_noted", jobs=len(codes), reason=str(error))
