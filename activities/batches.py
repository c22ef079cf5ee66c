"""Feeds batches: accepts jobs for the free places of a batch, and starts them."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from temporalio import activity

from aijobs.domain.jobs.batches.batch import BatchLook, BatchPhase, BatchStep
from aijobs.domain.jobs.job import JobBrief
from aijobs.domain.ports.batches import BatchFeed
from aijobs.domain.ports.jobs import JobStarts
from aijobs.domain.ports.workflow_control import JobWorkflowControl

FEED_FOR: Final = timedelta(minutes=5)
"""One activity feeds a batch for so long: then another batch may have its place in the worker."""

MIN_PAUSE: Final = timedelta(milliseconds=20)
MAX_PAUSE: Final = timedelta(seconds=2)
PAUSE_SHARE: Final = 0.02
"""A look follows after this share of the time since the last start: so late is a place filled again at most."""

log = structlog.get_logger()


class BatchActivities:
    """One activity a batch. A worker that dies in the middle loses nothing: another one looks at what there is."""

    def __init__(self, feed: BatchFeed, starts: JobStarts, engine: JobWorkflowControl) -> None:
        self._feed = feed
        self._starts = starts
        self._engine = engine

    @activity.defn(name="feed_batch")
    async def feed(self, code: str) -> BatchLook:
        """Feed a batch until it is over or rests, or until the time of one activity has passed."""
        ends_at = time.monotonic() + FEED_FOR.total_seconds()
        last_start, canceled = time.monotonic(), set[str]()
        while True:
            step = await self._feed.step(code)
            await self._start(step.accepted)
            await self._cancel(step, canceled)
            if step.look.phase is not BatchPhase.FEEDING or time.monotonic() > ends_at or activity.is_worker_shutdown():
                return step.look
            if step.accepted:
                last_start = time.monotonic()
            else:
                await asyncio.sleep(_pause(time.monotonic() - last_start))

    async def _start(self, accepted: Sequence[JobBrief]) -> None:
        """What cannot be started, a worker starts as it does every forgotten job."""
        if not accepted:
            return
        outcomes = await asyncio.gather(*map(self._engine.start, accepted), return_exceptions=True)
        started = [brief.code for brief, failed in zip(accepted, outcomes, strict=True) if failed is None]
        if len(started) < len(accepted):
            log.warning("jobs_left_to_a_worker", jobs=len(accepted) - len(started))
        if started:
            await self._starts.started(started)

    async def _cancel(self, step: BatchStep, canceled: set[str]) -> None:
        """Once for each job; after a retry of the activity perhaps again, which is harmless."""
        for code in step.to_cancel:
            if code not in canceled and await self._feed.request_cancel(code):
                await self._engine.cancel(code)
            canceled.add(code)


def _pause(idle: float) -> float:
    """Seconds until the next look, by the seconds since a job was started."""
    return min(max(PAUSE_SHARE * idle, MIN_PAUSE.total_seconds()), MAX_PAUSE.total_seconds())
