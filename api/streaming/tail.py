"""The one tail of the database in a process: while somebody listens, it tells what is committed."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from enum import Enum, auto
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from aijobs.persistence.database import Database
from aijobs.persistence.jobs.event_log import EventTail, LogEntry, opened_tail
from api.streaming.subscriptions import StreamEnd, Subscription, Subscriptions

LOOK_EVERY: Final = timedelta(milliseconds=50)
PAUSE_AFTER_TROUBLE: Final = timedelta(seconds=1)

TOLD_AT_ONCE: Final = 100
"""Then the listeners get a turn, so that a burst does not leave all of them behind."""

log = structlog.get_logger()


class TailState(Enum):
    """RESTING ─► BEGINNING ─► FLOWING ─► RESTING; on an error INTERRUPTED ─► BEGINNING; from any state ─► CLOSED."""

    RESTING = auto()  #: nobody listens, and nothing is looked for
    BEGINNING = auto()  #: somebody listens; it goes to the end of the log
    FLOWING = auto()  #: every committed event is published
    INTERRUPTED = auto()  #: the database did not answer; it tries again soon
    CLOSED = auto()


class Tail:
    """`position`: everything up to it is published; None while nothing flows. `looks` counts its reads."""

    def __init__(self, database: Database, audience: Subscriptions) -> None:
        self.position: int | None = None
        self.looks = 0
        self._database = database
        self._audience = audience
        self._state = TailState.RESTING
        self._changed = asyncio.Event()  #: set for a moment whenever the state changes

    @property
    def is_flowing(self) -> bool:
        return self._state is TailState.FLOWING

    @property
    def is_closed(self) -> bool:
        return self._state is TailState.CLOSED

    def want(self) -> None:
        """Somebody listens."""
        if self._state is TailState.RESTING:
            self._enter(TailState.BEGINNING)

    def close(self) -> None:
        self._enter(TailState.CLOSED)

    async def begun(self, subscription: Subscription) -> None:
        """Returns when the listener hears all that is committed from then on, or when either of them has ended."""
        while not (self.is_flowing or self.is_closed or subscription.is_over):
            await self._changed.wait()

    async def run(self) -> None:
        """Keeps its connection while nobody listens: in a rush it need not stand in line for one."""
        while not self.is_closed:
            try:
                async with opened_tail(self._database) as events:
                    while not self.is_closed:
                        await self._until_wanted()
                        await self._begin(events)
                        await self._flow(events)
            except SQLAlchemyError as error:
                log.error("live_events_interrupted", error=str(error))
                self._audience.end(StreamEnd.TROUBLE)  # they come back, and read what they missed
                self._enter(TailState.INTERRUPTED)
                await asyncio.sleep(PAUSE_AFTER_TROUBLE.total_seconds())
                self._enter(TailState.BEGINNING)

    async def _until_wanted(self) -> None:
        while self._state is TailState.RESTING:
            await self._changed.wait()

    async def _begin(self, events: EventTail) -> None:
        """Whoever gave up waiting has read the database before, and would never hear what came since then."""
        await events.skip()
        for subscription in self._audience:
            if subscription.gave_up:
                subscription.end(StreamEnd.TROUBLE)
        self.position = events.position
        self._enter(TailState.FLOWING)

    async def _flow(self, events: EventTail) -> None:
        try:
            while self._audience and self.is_flowing:
                await self._tell(await events.new_entries())
                self.position = events.position
                self.looks += 1
                await asyncio.sleep(LOOK_EVERY.total_seconds())
        finally:
            self.position = None
            self._enter(TailState.RESTING)

    async def _tell(self, news: Sequence[LogEntry]) -> None:
        for number, entry in enumerate(news, start=1):
            self._audience.tell(entry)
            self.position = entry.position
            self.looks += 1
            if number % TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _enter(self, state: TailState) -> None:
        """Closed is closed for ever."""
        if not self.is_closed:
            self._state = state
            self._changed.set()  # wakes those who wait now
            self._changed.clear()
