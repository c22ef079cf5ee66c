"""Events as server-sent events (WHATWG HTML, section 9.2): the stored ones, then live ones, until the end."""

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass
from typing import Final

from fastapi.responses import StreamingResponse
from sqlmodel import Session
from starlette.types import Receive, Scope, Send

from aijobs.domain.jobs.events import JobEvent
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.event_log import EventFilter, events_after
from aijobs.persistence.jobs.queries import job_of
from api.streaming.event import LiveEvent
from api.streaming.hub import EventHub
from api.streaming.open_streams import OpenStream
from api.streaming.replay import REPLAYED_AT_ONCE, EventPage, EventSource, GlobalLog, follow

RETRY_MILLISECONDS: Final = (1000, 4000)  #: random among them, so that readers who were cut together come back apart
HEARTBEAT_FRAME: Final = b": still here\n\n"

Frames = Callable[[OpenStream], AsyncGenerator[bytes]]


class EventStream(StreamingResponse):
    """A response of frames. Limits are checked before the first byte; the server drops clients that do not read."""

    media_type = "text/event-stream"

    def __init__(self, frames: Frames, *, admission: AbstractContextManager[OpenStream]) -> None:
        self._frames = frames
        self._admission = admission
        headers = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
        super().__init__((), headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._admission as stream:
            async with aclosing(self._frames(stream)) as frames:
                self.body_iterator = frames
                await super().__call__(scope, receive, send)


@dataclass(frozen=True)
class JobHistory:
    """One job's history. An event's place is its `seq`, and the history ends with the job."""

    code: str

    @property
    def event_filter(self) -> EventFilter:
        return EventFilter(codes=frozenset({self.code}))

    def place(self, event: LiveEvent) -> int:
        return event.event.seq

    def is_up_to_date(self, _live: EventHub, _after: int) -> bool:
        return False

    async def page(self, database: Database, after: int) -> EventPage:
        def work(session: Session) -> tuple[bool, list[JobEvent]]:
            has_ended = job_of(session, self.code).job_status.is_final
            return has_ended, events_after(session, self.code, after, at_most=REPLAYED_AT_ONCE)

        has_ended, past = await database.read(work)
        events = [LiveEvent(event) for event in past]
        return EventPage(
            events=events,
            reached=self.place(events[-1]) if events else after,
            is_more=len(events) == REPLAYED_AT_ONCE,
            is_over=has_ended or any(map(self.is_end, events)),
        )

    def is_end(self, event: LiveEvent) -> bool:
        return event.event.is_end


def job_frames(live: EventHub, code: str, *, after: int) -> Frames:
    """The job's events with a `seq` above `after`, each once and in order, until the last one."""
    return lambda stream: _frames(live, JobHistory(code), after, stream, opening_frame(), lambda event: event.job_frame)


def log_frames(live: EventHub, event_filter: EventFilter, *, after: int) -> Frames:
    """The events of all jobs after a position that pass the filter. The first frame carries the position, for clients
    that disconnect before the first event."""
    opening = opening_frame(b"id: %d" % after)
    return lambda stream: _frames(live, GlobalLog(event_filter), after, stream, opening, lambda event: event.log_frame)


def opening_frame(*fields: bytes) -> bytes:
    """A stream's first frame. It says when a reader who is cut off comes back."""
    return b"\n".join((b"retry: %d" % random.randint(*RETRY_MILLISECONDS), *fields, b"\n"))


async def _frames(
    live: EventHub,
    source: EventSource,
    after: int,
    stream: OpenStream,
    opening: bytes,
    frame: Callable[[LiveEvent], bytes],
) -> AsyncGenerator[bytes]:
    yield opening
    async with aclosing(follow(live, source, after, stream)) as batches:
        async for batch in batches:
            yield b"".join(map(frame, batch)) or HEARTBEAT_FRAME
