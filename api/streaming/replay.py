"""Following events: first the stored ones, then live ones, each once and in order. Holds no session while idle."""

import time
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

from aijobs.domain.errors import NotFound
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.event_log import EventFilter, log_after, newest_position
from api.streaming.event import LiveEvent
from api.streaming.hub import EventHub
from api.streaming.open_streams import OpenStream
from api.streaming.subscriptions import Subscription

REPLAYED_AT_ONCE: Final = 100
"""Events of the past that a reader has before it: one who does not read keeps so many in memory."""

STREAM_AT_MOST: Final = timedelta(hours=1)
"""Then the stream ends, and its client reconnects."""


@dataclass(frozen=True, kw_only=True)
class EventPage:
    """A page of stored events, and the place that it reaches, whether or not that is the last event's.

    `is_more`: more may be stored behind it. `is_over`: no event will follow those in the database.
    """

    events: Sequence[LiveEvent]
    reached: int
    is_more: bool
    is_over: bool = False


class EventSource(Protocol):
    """What is followed. The places of its events increase."""

    @property
    def event_filter(self) -> EventFilter: ...

    def place(self, event: LiveEvent) -> int: ...

    def is_up_to_date(self, live: EventHub, after: int) -> bool:
        """Whether a subscriber of `live` that has everything up to `after` has missed no event."""
        ...

    def page(self, database: Database, after: int) -> Coroutine[Any, Any, EventPage]: ...

    def is_end(self, event: LiveEvent) -> bool: ...


@dataclass(frozen=True)
class GlobalLog:
    """The log of all jobs, filtered. An event's place is its position in the log, which never ends."""

    event_filter: EventFilter

    def place(self, event: LiveEvent) -> int:
        return event.position

    def is_up_to_date(self, live: EventHub, after: int) -> bool:
        return live.position is not None and after >= live.position

    async def page(self, database: Database, after: int) -> EventPage:
        page = await database.read(log_after, self.event_filter, after, at_most=REPLAYED_AT_ONCE)
        events = [LiveEvent.of(entry) for entry in page.entries]
        return EventPage(events=events, reached=page.reached, is_more=page.is_more)

    def is_end(self, _event: LiveEvent) -> bool:
        return False


async def current_position(live: EventHub) -> int:
    """The position of the newest event: a stream that starts now starts after it."""
    return live.position if live.position is not None else await live.read(_read_newest_position(live.database))


async def _read_newest_position(database: Database) -> int:
    return await database.read(newest_position)


async def follow(
    live: EventHub, source: EventSource, after: int, stream: OpenStream
) -> AsyncGenerator[list[LiveEvent]]:
    """The events after `after`, in batches, until the end. An empty batch is a heartbeat.

    Ends when the database does not answer, or the job was deleted; the client may reconnect.
    """
    async with live.subscribed(source.event_filter) as subscription:
        stream.attach(subscription)
        with stream.needing_database(), suppress(NotFound):  # deleted meanwhile
            async with aclosing(_batches(live, source, after, subscription)) as batches:
                async for batch in batches:
                    yield batch


async def _batches(
    live: EventHub, source: EventSource, after: int, subscription: Subscription
) -> AsyncGenerator[list[LiveEvent]]:
    ends_at = time.monotonic() + STREAM_AT_MOST.total_seconds()
    last, is_over, is_more = after, False, not source.is_up_to_date(live, after)
    while is_more and not subscription.is_over:
        page = await live.read(source.page(live.database, last))
        is_over, is_more, last = page.is_over, page.is_more, page.reached
        yield list(page.events)
    while not is_over and not subscription.is_over and time.monotonic() < ends_at:
        events = [event for event in await subscription.take() if source.place(event) > last]
        if not events and not live.is_fresh:
            page = await live.read(source.page(live.database, last))
            events, is_over, last = list(page.events), page.is_over, page.reached
        if events:
            last = source.place(events[-1])
            is_over = is_over or any(map(source.is_end, events))
        yield events
