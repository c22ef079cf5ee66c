"""Subscriptions to live events, each with its queue."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Final

from aijobs.persistence.jobs.event_log import EventFilter, LogEntry
from api.streaming.event import LiveEvent

MAX_QUEUED: Final = 256
"""Events that may be queued for one subscriber."""


class StreamEnd(Enum):
    """Why a subscription was ended."""

    CLOSED = auto()  #: the process stops
    BEHIND = auto()  #: it did not keep up
    DATABASE_ERROR = auto()  #: the database did not answer
    CREDENTIALS_INVALID = auto()  #: its credentials are no longer valid


class Subscription:
    """The events that pass a filter, from the time of subscribing."""

    def __init__(self, event_filter: EventFilter) -> None:
        self.event_filter = event_filter
        self.ending: StreamEnd | None = None
        self.timed_out = False  #: waiting for the tail to start, so that it may have missed events before that
        self.is_quiet = False
        self._queue: deque[LiveEvent] = deque()
        self._woken = asyncio.Event()

    @property
    def is_over(self) -> bool:
        return self.ending is not None

    def offer(self, event: LiveEvent) -> None:
        if len(self._queue) >= MAX_QUEUED:
            self.end(StreamEnd.BEHIND)
        if self.ending is None:
            self._queue.append(event)
            self.is_quiet = False
            self._woken.set()

    def end(self, ending: StreamEnd) -> None:
        """Queued events may still be taken; no more are added. The first reason stays."""
        self.ending = self.ending or ending
        self._woken.set()

    def beat(self) -> None:
        """Called at regular intervals: wakes a subscriber that has had no event since the last call."""
        if self.is_quiet:
            self._woken.set()
        self.is_quiet = True

    async def take(self) -> list[LiveEvent]:
        """Waits, and returns the queued events; none after a quiet interval, or when it has ended."""
        await self._woken.wait()
        if self.ending is None:
            self._woken.clear()
        taken = list(self._queue)
        self._queue.clear()
        return taken


class Subscriptions:
    """All subscriptions, indexed by what they filter for: some jobs, a user's jobs, or all."""

    def __init__(self) -> None:
        self._by_job: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._by_user: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._unfiltered: set[Subscription] = set()
        self._all: set[Subscription] = set()
        self.empty = asyncio.Event()  #: set while there are no subscriptions
        self.empty.set()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Subscription]:
        return iter(tuple(self._all))

    @contextmanager
    def joined(self, subscription: Subscription) -> Iterator[None]:
        indexes = list(self._indexes_for(subscription.event_filter))
        for index in indexes:
            index.add(subscription)
        self.empty.clear()
        try:
            yield
        finally:
            for index in indexes:
                index.discard(subscription)
            self._drop_empty_indexes(subscription.event_filter)
            if not self._all:
                self.empty.set()

    def publish(self, entry: LogEntry) -> None:
        event = LiveEvent.of(entry)
        for index in (self._by_job.get(entry.event.code), self._by_user.get(entry.user_id), self._unfiltered):
            for subscription in index or ():
                if subscription.event_filter.matches(entry):
                    subscription.offer(event)

    def end(self, ending: StreamEnd) -> None:
        for subscription in self._all:
            subscription.end(ending)

    def _indexes_for(self, event_filter: EventFilter) -> Iterator[set[Subscription]]:
        yield self._all
        if event_filter.codes:
            yield from (self._by_job[code] for code in event_filter.codes)
        elif event_filter.user_id is not None:
            yield self._by_user[event_filter.user_id]
        else:
            yield self._unfiltered

    def _drop_empty_indexes(self, event_filter: EventFilter) -> None:
        for code in event_filter.codes:
            if not self._by_job.get(code):
                self._by_job.pop(code, None)
        if event_filter.user_id is not None and not self._by_user.get(event_filter.user_id):
            self._by_user.pop(event_filter.user_id, None)
