"""Live events: one tail of the database in each process, and whoever wants to hear of jobs as they go on.

A listener that cannot keep up is cut off: nothing is dropped from the middle, and it may come back for the rest.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final, TypeVar

from aijobs.persistence.database import Database
from aijobs.persistence.jobs.event_log import EventFilter
from api.streaming.background import start_task
from api.streaming.subscriptions import StreamEnd, Subscription, Subscriptions
from api.streaming.tail import Tail

FLOW_TIMEOUT: Final = timedelta(seconds=5)
HEARTBEAT: Final = timedelta(seconds=10)
CLOSE_TIMEOUT: Final = timedelta(seconds=2)

BEATS_AT_ONCE: Final = 200

READING_AT_ONCE: Final = 2
"""Listeners that look into the database; fewer than it has connections, so that a rush of them keeps nobody out."""

T = TypeVar("T")


class EventHub:
    """Reads the database only while there are subscribers. A subscriber waits at most `flow_timeout` for events."""

    def __init__(
        self, database: Database, *, heartbeat: timedelta = HEARTBEAT, flow_timeout: timedelta = FLOW_TIMEOUT
    ) -> None:
        self.database = database
        self.is_fresh = True  #: whether a listener who hears nothing may believe that there is nothing
        self._heartbeat = heartbeat
        self._flow_timeout = flow_timeout
        self._audience = Subscriptions()
        self._tail = Tail(database, self._audience)
        self._reads = asyncio.Semaphore(READING_AT_ONCE)
        self._reading: set[asyncio.Task[Any]] = set()

    @property
    def position(self) -> int | None:
        """Everything up to here is published; None while nothing flows."""
        return self._tail.position

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Events flow until the block ends."""
        tailing = start_task(self._tail.run(), failure="live_events_ended")
        beating = start_task(self._beat(), failure="live_events_ended")
        try:
            yield
        finally:
            self.close()
            beating.cancel()
            await asyncio.gather(tailing, beating, *self._reading, return_exceptions=True)

    def close(self) -> None:
        """Nothing flows any more, and every listener hears it at once."""
        self._tail.close()
        self._audience.end(StreamEnd.CLOSED)

    async def everybody_left(self) -> None:
        """Waits until the subscribers have closed, at most CLOSE_TIMEOUT."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT.total_seconds()):
                await self._audience.left.wait()

    @asynccontextmanager
    async def subscribed(self, event_filter: EventFilter) -> AsyncIterator[Subscription]:
        """Every event that passes the filter and is committed from here on. Earlier ones are in the database.

        When events do not flow in time, listeners look into the database themselves. Once they flow, such a listener
        is ended and comes back.
        """
        subscription = Subscription(event_filter)
        if self._tail.is_closed:
            subscription.end(StreamEnd.CLOSED)
        with self._audience.joined(subscription):
            self._tail.want()
            try:
                async with asyncio.timeout(self._flow_timeout.total_seconds()):
                    await self._tail.begun(subscription)
            except TimeoutError:
                subscription.gave_up = not self._tail.is_flowing
            yield subscription

    async def read(self, page: Coroutine[Any, Any, T]) -> T:
        """What a listener reads from the database. Whoever leaves meanwhile does not cut it off half-way."""
        try:
            await self._reads.acquire()
        except asyncio.CancelledError:
            page.close()
            raise
        reading = asyncio.create_task(page)
        self._reading.add(reading)
        reading.add_done_callback(self._has_read)
        return await asyncio.shield(reading)

    def _has_read(self, reading: asyncio.Task[Any]) -> None:
        self._reads.release()
        self._reading.discard(reading)
        if not reading.cancelled():
            reading.exception()  # whoever has left does not look at it

    async def _beat(self) -> None:
        """A quiet listener is woken after half the time at the earliest, and after all of it at the latest.

        Beats say also whether the tail still looks: a busy process, which slows down both, is no reason for everybody
        to look into the database as well.
        """
        while not self._tail.is_closed:
            looks = self._tail.looks
            await asyncio.sleep(self._heartbeat.total_seconds() / 2)
            self.is_fresh = self._tail.looks > looks
            for number, subscription in enumerate(self._audience, start=1):
                subscription.beat()
                if number % BEATS_AT_ONCE == 0:
                    await asyncio.sleep(0)
