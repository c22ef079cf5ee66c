"""Metrics of Temporal's task queues, which are asked for beside the scrapes: none of them waits for Temporal."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from aijobs.domain.errors import TemporalUnavailable
from aijobs.domain.ports.workflow_control import QueueBacklog

ASKED_EVERY: Final = timedelta(seconds=5)
FORGOTTEN_AFTER: Final = timedelta(minutes=1)
"""What Temporal has said is not told for longer: it does not answer."""


class BacklogFigures:
    """What is known at a scrape, which makes this ask anew. Before the first answer there is nothing."""

    def __init__(self, ask: Callable[[], Awaitable[Sequence[QueueBacklog]]]) -> None:
        self._ask = ask
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = float("-inf")
        self._known: Sequence[QueueBacklog] = ()
        self._known_at = float("-inf")

    def families(self) -> Iterator[Metric]:
        now = time.monotonic()
        if (self._asking is None or self._asking.done()) and now - self._asked_at >= ASKED_EVERY.total_seconds():
            self._asked_at = now
            self._asking = asyncio.create_task(self._learn())
        known = self._known if now - self._known_at < FORGOTTEN_AFTER.total_seconds() else ()
        tasks = GaugeMetricFamily("aijobs_temporal_backlog", "Tasks that wait in Temporal.", labels=["queue"])
        age = GaugeMetricFamily(
            "aijobs_temporal_backlog_age_seconds", "How long the oldest task has waited.", labels=["queue"]
        )
        for one in sorted(known, key=lambda backlog: backlog.queue):
            tasks.add_metric([one.queue], one.tasks)
            age.add_metric([one.queue], one.oldest.total_seconds())
        yield tasks
        yield age

    async def _learn(self) -> None:
        try:
            self._known = await self._ask()
        except TemporalUnavailable:
            return  # it is asked again; what it said last grows old
        self._known_at = time.monotonic()
