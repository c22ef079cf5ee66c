"""Following events: first what was, then what happens. Each once, in order, and no session is held while it waits."""

import time
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from aijobs.domain.errors import NotFound
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.event_log import AT_ONCE, EventFilter, log_after, newest_position
from api.streaming.event import LiveEvent
from api.streaming.hub import EventHub
from api.streaming.limits import OpenStream
from api.streaming.subscriptions import StreamEnd, Subscription

STREAM_AT_MOST: Final = timedelta(hours=1)
"""Then whoever follows comes back."""

log = structlog.get_logger()


@dataclass(frozen=True)
class EventPage:
    """Some of what was. `is_over` says that nothing will follow what is in the database now."""

    events: Sequence[LiveEvent]
    is_over: bool = False


class EventSource(Protocol):
    """What is followed: its events have places that grow."""

    @property
    def event_filter(self) -> EventFilter: ...

    def place(self, event: LiveEvent) -> int: ...

    def is_up_to_date(self, live: EventHub, after: int) -> bool:
        """Whether a listener of `live` who knows everything up to `after` has missed nothing."""
        ...

    def page(self, database: Database, after: int) -> Coroutine[Any, Any, EventPage]: ...

    def is_end(self, event: LiveEvent) -> bool: ...


@dataclass(frozen=True)
class GlobalLog:
    """The log of all jobs, filtered. Its positions are the log's; it never ends."""

    event_filter: EventFilter

    def place(self, event: LiveEvent) -> int:
        return event.position

    def is_up_to_date(self, live: EventHub, after: int) -> bool:
        return live.position is not None and after >= live.position

    async def page(self, database: Database, after: int) -> EventPage:
        async with database.read() as session:
            return EventPage([LiveEvent.of(entry) for entry in await log_after(session, self.event_filter, after)])

    def is_end(self, _event: LiveEvent) -> bool:
        return False


async def present_position(live: EventHub) -> int:
    """Where a log that begins now begins."""
    return live.position if live.position is not None else await live.read(_newest(live.database))


async def _newest(database: Database) -> int:
    async with database.read() as session:
        return await newest_position(session)


async def follow(
    live: EventHub, source: EventSource, after: int, stream: OpenStream
) -> AsyncGenerator[list[LiveEvent]]:
    """What has its place behind `after`, in batches, until the end. An empty batch is a sign of life.

    When the database does not answer it ends, and whoever follows may come back.
    """
    async with live.subscribed(source.event_filter) as subscription:
        stream.listens_to(subscription)
        try:
            async with aclosing(_batches(live, source, after, subscription)) as batches:
                async for batch in batches:
                    yield batch
        except SQLAlchemyError as error:
            log.error("stream_interrupted", error=str(error))
            stream.end(StreamEnd.TROUBLE)
        except NotFound:  # deleted meanwhile
            return


async def _batches(
    live: EventHub, source: EventSource, after: int, subscription: Subscription
) -> AsyncGenerator[list[LiveEvent]]:
    ends_at = time.monotonic() + STREAM_AT_MOST.total_seconds()
    last, is_over, is_more = after, False, not source.is_up_to_date(live, after)
    while is_more and not subscription.is_over:
        page = await live.read(source.page(live.database, last))
        is_over, is_more = page.is_over, len(page.events) == AT_ONCE
        last = source.place(page.events[-1]) if page.events else last
        yield list(page.events)
    while not is_over and not subscription.is_over and time.monotonic() < ends_at:
        news = [event for event in await subscription.take() if source.place(event) > last]
        if not news and not live.is_fresh:
            page = await live.read(source.page(live.database, last))
            news, is_over = list(page.events), page.is_over
        if news:
            last = source.place(news[-1])
            is_over = is_over or any(map(source.is_end, news))
        yield news
