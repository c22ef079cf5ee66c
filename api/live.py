"""Live events: one tail of the database in each process, and whoever wants to hear of jobs as they go on.

A listener that cannot keep up is cut off: nothing is dropped from the middle, and it may come back for the rest.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from api.audience import Audience, Ending, Subscription
from persistence.database import Database
from persistence.history import EventFilter, EventTail, LogEntry, opened_tail

LOOK_EVERY: Final = timedelta(milliseconds=50)
PAUSE_AFTER_TROUBLE: Final = timedelta(seconds=1)
FLOW_PATIENCE: Final = timedelta(seconds=5)
HEARTBEAT: Final = timedelta(seconds=10)
GOODBYE_PATIENCE: Final = timedelta(seconds=2)

TOLD_AT_ONCE: Final = 100
"""Then the listeners get a turn, so that a burst does not leave all of them behind."""

BEATS_AT_ONCE: Final = 200

READING_AT_ONCE: Final = 2
"""Listeners that look into the database; fewer than it has connections, so that a rush of them keeps nobody out."""

T = TypeVar("T")

log = structlog.get_logger()


class LiveEvents:
    """Looks into the database only while somebody listens."""

    def __init__(self, database: Database, *, heartbeat: timedelta = HEARTBEAT) -> None:
        self.database = database
        self.position: int | None = None  #: everything up to here was told; None while nothing flows
        self.is_fresh = True  #: whether a listener who hears nothing may believe that there is nothing
        self._heartbeat = heartbeat
        self._audience = Audience()
        self._wanted = asyncio.Event()
        self._flowing = asyncio.Event()
        self._looks = 0
        self._reads = asyncio.Semaphore(READING_AT_ONCE)
        self._reading: set[asyncio.Task[Any]] = set()
        self._closed = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Events flow until the block ends."""
        tailing, beating = asyncio.create_task(self._run()), asyncio.create_task(self._beat())
        for task in (tailing, beating):
            task.add_done_callback(_complain)
        try:
            yield
        finally:
            self.close()
            beating.cancel()
            await asyncio.gather(tailing, beating, *self._reading, return_exceptions=True)

    def close(self) -> None:
        """Nothing flows any more, and every listener hears it at once."""
        self._closed = True
        self._wanted.set()
        self._flowing.set()
        self._audience.end(Ending.CLOSED)

    async def everybody_left(self) -> None:
        """Waits until the listeners have said goodbye, but not long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_PATIENCE.total_seconds()):
                await self._audience.left.wait()

    @asynccontextmanager
    async def subscribed(self, wanted: EventFilter) -> AsyncIterator[Subscription]:
        """Every wanted event that is committed from here on. What came before is in the database."""
        subscription = Subscription(wanted)
        if self._closed:
            subscription.end(Ending.CLOSED)
        with self._audience.joined(subscription):
            self._wanted.set()
            with suppress(TimeoutError):  # without news, listeners look into the database themselves
                async with asyncio.timeout(FLOW_PATIENCE.total_seconds()):
                    await self._flowing.wait()
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

    async def _run(self) -> None:
        """The tail keeps its connection while nobody listens: in a rush it need not stand in line for one."""
        while not self._closed:
            try:
                async with opened_tail(self.database) as tail:
                    while not self._closed:
                        await self._wanted.wait()
                        await tail.skip()
                        await self._pass_on(tail)
            except SQLAlchemyError as trouble:
                log.error("live_events_interrupted", error=str(trouble))
                self._audience.end(Ending.TROUBLE)  # they come back, and read what they missed
                self._flowing.set()
                self._flowing.clear()
                await asyncio.sleep(PAUSE_AFTER_TROUBLE.total_seconds())

    async def _pass_on(self, tail: EventTail) -> None:
        self.position = tail.position
        self._flowing.set()
        try:
            while self._audience and not self._closed:
                news = await tail.news()
                await self._tell(news)
                self.position = tail.position
                self._looks += 1
                await asyncio.sleep(LOOK_EVERY.total_seconds())
        finally:
            self.position = None
            if not self._closed:
                self._wanted.clear()
                self._flowing.clear()

    async def _tell(self, news: Sequence[LogEntry]) -> None:
        for number, entry in enumerate(news, start=1):
            self._audience.tell(entry)
            self.position = entry.position
            self._looks += 1
            if number % TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _beat(self) -> None:
        """A quiet listener is woken after half the time at the earliest, and after all of it at the latest.

        Beats say also whether the tail still looks: a busy process, which slows down both, is no reason for everybody
        to look into the database as well.
        """
        while not self._closed:
            looks = self._looks
            await asyncio.sleep(self._heartbeat.total_seconds() / 2)
            self.is_fresh = self._looks > looks
            for number, subscription in enumerate(self._audience, start=1):
                subscription.beat()
                if number % BEATS_AT_ONCE == 0:
                    await asyncio.sleep(0)


def _complain(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (failure := task.exception()) is not None:
        log.error("live_events_ended", error=repr(failure))
