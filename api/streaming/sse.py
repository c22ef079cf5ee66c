"""Histories as server-sent events (WHATWG HTML, section 9.2): first what was, then what happens, then the end."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass
from typing import Final

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from aijobs.persistence.database import Database
from aijobs.persistence.jobs.event_log import EventFilter, events_after
from aijobs.persistence.jobs.queries import job_of
from api.streaming.event import LiveEvent
from api.streaming.hub import EventHub
from api.streaming.limits import OpenStream
from api.streaming.replay import EventPage, EventSource, GlobalLog, follow

GREETING: Final = b"retry: 1000\n\n"
SIGN_OF_LIFE: Final = b": still here\n\n"

Frames = Callable[[OpenStream], AsyncGenerator[bytes]]


class EventStream(StreamingResponse):
    """Frames for a reader who is let in before the first byte. One who does not read is given up by the server."""

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
    """One job's history. Places are the numbers of its events, and it ends with the job."""

    code: str

    @property
    def event_filter(self) -> EventFilter:
        return EventFilter(codes=frozenset({self.code}))

    def place(self, event: LiveEvent) -> int:
        return event.event.seq

    def is_up_to_date(self, _live: EventHub, _after: int) -> bool:
        return False

    async def page(self, database: Database, after: int) -> EventPage:
        async with database.read() as session:
            has_ended = (await job_of(session, self.code)).job_status.is_final
            events = [LiveEvent(event) for event in await events_after(session, self.code, after)]
        return EventPage(events, has_ended or any(map(self.is_end, events)))

    def is_end(self, event: LiveEvent) -> bool:
        return event.event.is_end


def job_frames(live: EventHub, code: str, *, after: int) -> Frames:
    """The job's events with a number above `after`, each once and in order, until its end."""
    return lambda stream: _frames(live, JobHistory(code), after, stream, GREETING, lambda event: event.job_frame)


def log_frames(live: EventHub, event_filter: EventFilter, *, after: int) -> Frames:
    """The events of all jobs behind a position that pass a filter. The greeting carries the position, for readers who
    leave before the first event."""
    greeting = b"retry: 1000\nid: %d\n\n" % after
    return lambda stream: _frames(live, GlobalLog(event_filter), after, stream, greeting, lambda event: event.log_frame)


async def _frames(
    live: EventHub,
    source: EventSource,
    after: int,
    stream: OpenStream,
    greeting: bytes,
    frame: Callable[[LiveEvent], bytes],
) -> AsyncGenerator[bytes]:
    yield greeting
    async with aclosing(follow(live, source, after, stream)) as batches:
        async for batch in batches:
            yield b"".join(map(frame, batch)) or SIGN_OF_LIFE
