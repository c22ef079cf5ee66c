"""Who listens to live events, and what waits for each of them."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Final

from aijobs.persistence.jobs.event_log import EventFilter, LogEntry
from api.streaming.event import LiveEvent

MAX_WAITING: Final = 256
"""Events that a listener may be behind."""


class StreamEnd(Enum):
    """Why a listener hears nothing more."""

    CLOSED = auto()  #: the process stops
    BEHIND = auto()  #: it did not keep up
    TROUBLE = auto()  #: the database did not answer
    UNWELCOME = auto()  #: what let it in is no longer good


class Subscription:
    """The events that pass a filter, from subscribing on."""

    def __init__(self, event_filter: EventFilter) -> None:
        self.event_filter = event_filter
        self.ending: StreamEnd | None = None
        self.gave_up = False  #: waiting until events flow, so that it would miss those that were before
        self.is_quiet = False
        self._waiting: deque[LiveEvent] = deque()
        self._woken = asyncio.Event()

    @property
    def is_over(self) -> bool:
        return self.ending is not None

    def offer(self, event: LiveEvent) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self.end(StreamEnd.BEHIND)
        if self.ending is None:
            self._waiting.append(event)
            self.is_quiet = False
            self._woken.set()

    def end(self, ending: StreamEnd) -> None:
        """What waits may still be taken; nothing follows."""
        self.ending = self.ending or ending
        self._woken.set()

    def beat(self) -> None:
        """Called now and then: whoever has heard nothing since the last time is woken without news."""
        if self.is_quiet:
            self._woken.set()
        self.is_quiet = True

    async def take(self) -> list[LiveEvent]:
        """What has come; nothing when it was quiet for a while, or is over."""
        await self._woken.wait()
        if self.ending is None:
            self._woken.clear()
        taken = list(self._waiting)
        self._waiting.clear()
        return taken


class Subscriptions:
    """All listeners, found by what they listen to: some jobs, a user's, or everything."""

    def __init__(self) -> None:
        self._by_job: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._by_user: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._to_all: set[Subscription] = set()
        self._everyone: set[Subscription] = set()
        self.left = asyncio.Event()  #: set while nobody listens
        self.left.set()

    def __len__(self) -> int:
        return len(self._everyone)

    def __iter__(self) -> Iterator[Subscription]:
        return iter(tuple(self._everyone))

    @contextmanager
    def joined(self, subscription: Subscription) -> Iterator[None]:
        places = list(self._places(subscription.event_filter))
        for place in places:
            place.add(subscription)
        self.left.clear()
        try:
            yield
        finally:
            for place in places:
                place.discard(subscription)
            self._tidy(subscription.event_filter)
            if not self._everyone:
                self.left.set()

    def tell(self, entry: LogEntry) -> None:
        event = LiveEvent.of(entry)
        for place in (self._by_job.get(entry.event.code), self._by_user.get(entry.user_id), self._to_all):
            for subscription in place or ():
                if subscription.event_filter.matches(entry):
                    subscription.offer(event)

    def end(self, ending: StreamEnd) -> None:
        for subscription in self._everyone:
            subscription.end(ending)

    def _places(self, event_filter: EventFilter) -> Iterator[set[Subscription]]:
        yield self._everyone
        if event_filter.codes:
            yield from (self._by_job[code] for code in event_filter.codes)
        elif event_filter.user_id is not None:
            yield self._by_user[event_filter.user_id]
        else:
            yield self._to_all

    def _tidy(self, event_filter: EventFilter) -> None:
        for code in event_filter.codes:
            if not self._by_job.get(code):
                self._by_job.pop(code, None)
        if event_filter.user_id is not None and not self._by_user.get(event_filter.user_id):
            self._by_user.pop(event_filter.user_id, None)
