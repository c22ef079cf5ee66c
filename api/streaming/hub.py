"""Live events: one tail of the event log in each process, and its subscribers.

A subscriber that cannot keep up is ended: no event is dropped from the middle, and it may reconnect for the rest.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final, TypeVar

from aijobs.persistence.database import Database
from aijobs.persistence.jobs.event_log import EventFilter
from api.streaming.background_tasks import start_task
from api.streaming.subscriptions import StreamEnd, Subscription, Subscriptions
from api.streaming.tail import Tail

FLOW_TIMEOUT: Final = timedelta(seconds=5)
HEARTBEAT: Final = timedelta(seconds=10)
CLOSE_TIMEOUT: Final = timedelta(seconds=2)

BEATS_AT_ONCE: Final = 200

READING_AT_ONCE: Final = 2
"""Subscribers that read the database at a time: fewer than its connections, so that other requests get one too."""

T = TypeVar("T")


class EventHub:
    """Reads the database only while there are subscribers. A subscriber waits at most `flow_timeout` for events."""

    def __init__(
        self, database: Database, *, heartbeat: timedelta = HEARTBEAT, flow_timeout: timedelta = FLOW_TIMEOUT
    ) -> None:
        self.database = database
        self.is_fresh = True  #: whether no event to a subscriber means that there is none
        self._heartbeat = heartbeat
        self._flow_timeout = flow_timeout
        self._subscriptions = Subscriptions()
        self._tail = Tail(database, self._subscriptions)
        self._reads = asyncio.Semaphore(READING_AT_ONCE)
        self._reading: set[asyncio.Task[Any]] = set()

    @property
    def position(self) -> int | None:
        """Everything up to this position is published; None while the tail is not running."""
        return self._tail.position

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Publishes events until the block ends."""
        tail_task = start_task(self._tail.run(), failure="live_events_ended")
        heartbeat_task = start_task(self._send_heartbeats(), failure="live_events_ended")
        try:
            yield
        finally:
            self.close()
            heartbeat_task.cancel()
            await asyncio.gather(tail_task, heartbeat_task, *self._reading, return_exceptions=True)

    def close(self) -> None:
        """Stop publishing, and end every subscription at once."""
        self._tail.close()
        self._subscriptions.end(StreamEnd.CLOSED)

    async def wait_until_empty(self) -> None:
        """Waits until the subscribers have closed, at most CLOSE_TIMEOUT."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT.total_seconds()):
                await self._subscriptions.empty.wait()

    @asynccontextmanager
    async def subscribed(self, event_filter: EventFilter) -> AsyncIterator[Subscription]:
        """Every event that passes the filter and is committed from here on. Earlier ones are in the database.

        When the tail does not start in time, subscribers read the database themselves. Once it starts, such a
        subscription is ended, and its client reconnects.
        """
        subscription = Subscription(event_filter)
        if self._tail.is_closed:
            subscription.end(StreamEnd.CLOSED)
        with self._subscriptions.joined(subscription):
            self._tail.start()
            try:
                async with asyncio.timeout(self._flow_timeout.total_seconds()):
                    await self._tail.wait_until_flowing(subscription)
            except TimeoutError:
                subscription.timed_out = not self._tail.is_flowing
            yield subscription

    async def read(self, page: Coroutine[Any, Any, T]) -> T:
        """Reads a page from the database. Cancelling the caller does not interrupt a read that has begun."""
        try:
            await self._reads.acquire()
        except asyncio.CancelledError:
            page.close()
            raise
        reading = asyncio.create_task(page)
        self._reading.add(reading)
        reading.add_done_callback(self._release_read)
        return await asyncio.shield(reading)

    def _release_read(self, reading: asyncio.Task[Any]) -> None:
        self._reads.release()
        self._reading.discard(reading)
        if not reading.cancelled():
            reading.exception()  # retrieved here, since a cancelled caller does not

    async def _send_heartbeats(self) -> None:
        """Wakes a quiet subscriber after half a heartbeat at the earliest, and after a whole one at the latest.

        Also checks whether the tail still reads. A busy process slows down both, so that alone does not make all
        subscribers read the database as well.
        """
        while not self._tail.is_closed:
            looks = self._tail.looks
            await asyncio.sleep(self._heartbeat.total_seconds() / 2)
            self.is_fresh = self._tail.looks > looks
            for number, subscription in enumerate(self._subscriptions, start=1):
                subscription.beat()
                if number % BEATS_AT_ONCE == 0:
                    await asyncio.sleep(0)
