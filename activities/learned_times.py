"""What a worker process knows of how long generations take, and what it has seen itself.

It is read seldom, and written seldom: ends are collected, so that a job costs no statement, and many processes never
wait for one row. What a process has collected when it dies is forgotten; the next jobs say the same.
"""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.domain.jobs.generation_times import GenerationTimes
from aijobs.domain.ports.generation_times import GenerationEnd, GenerationTimesLog

READ_EVERY: Final = 300.0
"""Seconds for which what was read is good, unless this process writes more."""

WRITE_EVERY: Final = 30.0
"""Seconds between two writes of one process. The first end after a longer pause is written at once."""

MOST_COLLECTED: Final = 1000
"""Ends; of more, those that came first are forgotten."""

MOST_KNOWN: Final = 2000
"""Models and classes of which a process remembers what it has read."""


@dataclass(frozen=True)
class KnownTimes:
    """As they were read, at a moment of the clock."""

    times: GenerationTimes
    read_at: float


class LearnedTimes:
    """How long the jobs of a process's models take."""

    def __init__(self, log: GenerationTimesLog, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._known: dict[tuple[str, str], KnownTimes] = {}  #: oldest first
        self._collected: list[GenerationEnd] = []
        self._written_at: float | None = None

    async def times(self, model_id: str, parameter_class: str) -> GenerationTimes:
        """Of the class, or of the model, as they were read last. A database that is away is asked again later."""
        key = model_id, parameter_class
        known = self._known.get(key)
        if known is not None and self._clock() - known.read_at <= READ_EVERY:
            return known.times
        times = known.times if known else GenerationTimes()
        self._remember(key, times)  # others go on with it meanwhile
        with suppress(DatabaseUnavailable):
            times = await self._log.times(*key)
        self._remember(key, times)
        return times

    def _remember(self, key: tuple[str, str], times: GenerationTimes) -> None:
        self._known.pop(key, None)
        self._known[key] = KnownTimes(times, self._clock())
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    async def ended(self, model_id: str, parameter_class: str, earliest: float, latest: float) -> None:
        """A generation has ended between these seconds since the provider took it."""
        end = GenerationEnd(
            model_id=model_id,
            parameter_class=parameter_class,
            earliest=earliest,
            latest=latest,
            dice=(random.random(), random.random()),
        )
        self._collected = [*self._collected[1 - MOST_COLLECTED :], end]
        now = self._clock()
        if self._written_at is None or now - self._written_at > WRITE_EVERY:
            self._written_at = now
            await self._write()

    async def _write(self) -> None:
        """A database that is away gets them with the next ones."""
        ends, self._collected = self._collected, []
        try:
            await self._log.count(ends)
        except DatabaseUnavailable:
            self._collected = [*ends, *self._collected]
            return
        for end in ends:
            self._known.pop((end.model_id, end.parameter_class), None)
