"""Live events: one tail of the database in each process, and whoever wants to hear of a job as it goes on.

A listener that cannot keep up is cut off: nothing is dropped from the middle, and it may come back for the rest.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from domain.events import JobEvent
from persistence.database import Database
from persistence.history import EventTail, opened_tail

LOOK_EVERY: Final = timedelta(milliseconds=50)
PAUSE_AFTER_TROUBLE: Final = timedelta(seconds=1)
FLOW_PATIENCE: Final = timedelta(seconds=5)
MAX_WAITING: Final = 256
"""Events that a listener may be behind."""

log = structlog.get_logger()


class Subscription:
    """The events of one job, from the moment of subscribing."""

    def __init__(self) -> None:
        self.is_over = False
        self._waiting: deque[JobEvent] = deque()
        self._woken = asyncio.Event()

    def offer(self, event: JobEvent) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self.end()
        if not self.is_over:
            self._waiting.append(event)
            self._woken.set()

    def end(self) -> None:
        """What waits may still be taken; nothing follows."""
        self.is_over = True
        self._woken.set()

    async def take(self) -> list[JobEvent]:
        """At least one event, or none when it is over."""
        await self._woken.wait()
        if not self.is_over:
            self._woken.clear()
        taken = list(self._waiting)
        self._waiting.clear()
        return taken


class LiveEvents:
    """Looks into the database only while somebody listens."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: dict[str, set[Subscription]] = defaultdict(set)
        self._wanted = asyncio.Event()
        self._flowing = asyncio.Event()
        self._closed = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Events flow until the block ends."""
        tailing = asyncio.create_task(self._run())
        tailing.add_done_callback(_complain)
        try:
            yield
        finally:
            self.close()
            await tailing

    def close(self) -> None:
        """Nothing flows any more, and every listener hears it at once."""
        self._closed = True
        self._wanted.set()
        self._flowing.set()
        self._end_all()

    @asynccontextmanager
    async def subscribed(self, code: str) -> AsyncIterator[Subscription]:
        """Everything that is committed to the job from here on. What came before is in the database."""
        with self._listening(code) as subscription:
            with suppress(TimeoutError):  # listeners look into the database now and then themselves
                async with asyncio.timeout(FLOW_PATIENCE.total_seconds()):
                    await self._flowing.wait()
            yield subscription

    @contextmanager
    def _listening(self, code: str) -> Iterator[Subscription]:
        subscription = Subscription()
        if self._closed:
            subscription.end()
        self._listeners[code].add(subscription)
        self._wanted.set()
        try:
            yield subscription
        finally:
            self._listeners[code].discard(subscription)
            if not self._listeners[code]:
                del self._listeners[code]

    async def _run(self) -> None:
        await self._wanted.wait()
        while not self._closed:
            try:
                async with opened_tail(self._database) as tail:
                    await self._pass_on(tail)
            except SQLAlchemyError as trouble:
                log.error("live_events_interrupted", error=str(trouble))
                self._end_all()  # they come back, and read what they missed
                self._flowing.set()
                self._flowing.clear()
                await asyncio.sleep(PAUSE_AFTER_TROUBLE.total_seconds())
            await self._wanted.wait()

    async def _pass_on(self, tail: EventTail) -> None:
        self._flowing.set()
        try:
            while self._listeners and not self._closed:
                for event in await tail.news():
                    for subscription in self._listeners.get(event.code, ()):
                        subscription.offer(event)
                await asyncio.sleep(LOOK_EVERY.total_seconds())
        finally:
            if not self._closed:
                self._wanted.clear()
                self._flowing.clear()

    def _end_all(self) -> None:
        for listeners in self._listeners.values():
            for subscription in listeners:
                subscription.end()


def _complain(tailing: asyncio.Task[None]) -> None:
    if not tailing.cancelled() and (failure := tailing.exception()) is not None:
        log.error("live_events_ended", error=repr(failure))
