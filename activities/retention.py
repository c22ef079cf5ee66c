"""Erases what is due, portion by portion: first in the store and in Temporal, then in the database."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import timedelta
from typing import Any, Final

import structlog
from temporalio import activity

from activities.rounds import Rounds
from aijobs.domain.errors import JobIsFinal, NotFound, UnknownModel
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.ports.retention import Histories, Portion, Retention

log = structlog.get_logger()

ROUND: Final = timedelta(minutes=4)
"""The next one goes on."""

REST: Final = 1.0
"""After a portion it rests as long as that took, so that half of the time is everybody else's."""

CALLS_AT_ONCE: Final = 10

CLOCKS_DIFFER: Final = timedelta(days=1)
"""Beyond the time that Temporal keeps histories for: a late watch may have closed so much after its job."""

Cancel = Callable[[str], Awaitable[object]]
"""Requests the cancellation of a job."""


class RetentionActivities:
    """The periodic erasing."""

    def __init__(
        self, retention: Retention, store: ObjectStore, histories: Histories, cancel_job: Cancel, rounds: Rounds
    ) -> None:
        self._retention = retention
        self._store = store
        self._histories = histories
        self._cancel_job = cancel_job
        self._rounds = rounds

    @activity.defn
    async def retain(self) -> int:
        """Erase what is due, round after round. Returns how many things were erased."""
        return await self._rounds.go(self.erase_due)

    async def erase_due(self) -> int:
        """Erase for some minutes, or until nothing is due. Returns how many things were erased."""
        done: Counter[str] = Counter()
        until = time.monotonic() + ROUND.total_seconds()
        kept = await self._histories.histories_kept() + CLOCKS_DIFFER
        async for portion in self._retention.due(histories_kept=kept):
            began = time.monotonic()
            await self._erase(portion)
            done[portion.what] += portion.count
            if time.monotonic() > until:
                break
            await asyncio.sleep(REST * (time.monotonic() - began))
        if done:
            log.info("erased", **done)
        return done.total()

    async def _erase(self, portion: Portion) -> None:
        for code in portion.cancel:
            try:
                await self._cancel_job(code)
            except (JobIsFinal, NotFound):
                continue
            except UnknownModel:  # its erasure waits, and no other's: an operator has to bring the model back
                log.warning("job_not_canceled", job=code, why=UnknownModel.code)
        await _all(self._store.delete(key) for key in portion.keys)
        await _all(self._histories.forget(workflow_id) for workflow_id in portion.histories)
        await portion.commit()
        for code in portion.wake:
            await self._histories.wake_batch(code)


async def _all(calls: Iterable[Coroutine[Any, Any, None]]) -> None:
    """A few at a time."""
    remaining = iter(calls)

    async def some() -> None:
        for call in remaining:
            await call

    async with asyncio.TaskGroup() as group:
        for _ in range(CALLS_AT_ONCE):
            group.create_task(some())
