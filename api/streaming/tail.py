"""The one tail of the event log in a process: it publishes committed events while there are subscribers."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from enum import Enum, auto
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.event_log import EventTail, LogEntry, opened_tail
from api.streaming.subscriptions import StreamEnd, Subscription, Subscriptions

POLL_EVERY: Final = timedelta(milliseconds=50)
"""Sooner when another process gives a hint that it has committed."""

RETRY_DELAY: Final = timedelta(seconds=1)

PUBLISHED_AT_ONCE: Final = 100
"""Then subscribers get a turn, so that a burst does not overflow all of their queues."""

log = structlog.get_logger()


class TailState(Enum):
    """RESTING ─► BEGINNING ─► FLOWING ─► RESTING; on an error INTERRUPTED ─► BEGINNING; from any state ─► CLOSED."""

    RESTING = auto()  #: no subscribers, and the database is not read
    BEGINNING = auto()  #: the first subscriber came; it skips to the end of the log
    FLOWING = auto()  #: every committed event is published
    INTERRUPTED = auto()  #: the database did not answer; it retries after RETRY_DELAY
    CLOSED = auto()


class Tail:
    """Everything up to `position` is published; None unless FLOWING. `looks` counts reads and published events."""

    def __init__(self, database: Database, subscriptions: Subscriptions) -> None:
        self.position: int | None = None
        self.looks = 0
        self._database = database
        self._subscriptions = subscriptions
        self._state = TailState.RESTING
        self._changed = asyncio.Event()  #: set and cleared at once whenever the state changes

    @property
    def is_flowing(self) -> bool:
        return self._state is TailState.FLOWING

    @property
    def is_closed(self) -> bool:
        return self._state is TailState.CLOSED

    def start(self) -> None:
        """Called for each new subscription: starts the tail when it is RESTING."""
        if self._state is TailState.RESTING:
            self._enter(TailState.BEGINNING)

    def close(self) -> None:
        self._enter(TailState.CLOSED)

    async def wait_until_flowing(self, subscription: Subscription) -> None:
        """Returns once the subscription gets every event committed from then on, or when it or the tail has ended."""
        while not (self.is_flowing or self.is_closed or subscription.is_over):
            await self._changed.wait()

    async def run(self) -> None:
        """Runs until closed. Keeps its connection while RESTING, so as not to wait for one under load."""
        while not self.is_closed:
            try:
                async with opened_tail(self._database) as events:
                    while not self.is_closed:
                        await self._wait_for_start()
                        await self._begin(events)
                        await self._flow(events)
            except (DatabaseUnavailable, SQLAlchemyError) as error:
                log.error("live_events_interrupted", error=str(error))
                self._subscriptions.end(StreamEnd.DATABASE_ERROR)  # clients reconnect, and read what they missed
                self._enter(TailState.INTERRUPTED)
                await asyncio.sleep(RETRY_DELAY.total_seconds())
                self._enter(TailState.BEGINNING)

    async def _wait_for_start(self) -> None:
        while self._state is TailState.RESTING:
            await self._changed.wait()

    async def _begin(self, events: EventTail) -> None:
        """Ends subscriptions that timed out: they would miss events that came after their read of the database."""
        await events.skip()
        for subscription in self._subscriptions:
            if subscription.timed_out:
                subscription.end(StreamEnd.DATABASE_ERROR)
        self.position = events.position
        self._enter(TailState.FLOWING)

    async def _flow(self, events: EventTail) -> None:
        try:
            while self._subscriptions and self.is_flowing:
                await self._publish(await events.new_entries())
                self.position = events.position
                self.looks += 1
                await events.pause(POLL_EVERY.total_seconds())
        finally:
            self.position = None
            self._enter(TailState.RESTING)

    async def _publish(self, entries: Sequence[LogEntry]) -> None:
        for number, entry in enumerate(entries, start=1):
            self._subscriptions.publish(entry)
            self.position = entry.position
            self.looks += 1
            if number % PUBLISHED_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _enter(self, state: TailState) -> None:
        """Change the state. CLOSED is final."""
        if not self.is_closed:
            self._state = state
            self._changed.set()  # wakes the tasks that wait now
            self._changed.clear()
