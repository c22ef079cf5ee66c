"""A job's history as server-sent events (WHATWG HTML, section 9.2): first what was, then what happens, then the end."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import Final

from fastapi.responses import StreamingResponse
from starlette.types import Message, Send

from api.live import LiveEvents, Subscription
from domain.events import EventKind, JobEvent
from persistence.database import Database
from persistence.history import AT_ONCE, events_after
from persistence.records import job_of
from storage.uninterrupted import uninterrupted

HEARTBEAT: Final = timedelta(seconds=10)
SEND_PATIENCE: Final = timedelta(seconds=20)
"""A reader that takes nothing for so long is given up."""

STREAM_AT_MOST: Final = timedelta(hours=1)
"""Then the reader comes back, with a key that is checked again."""

GREETING: Final = b"retry: 1000\n\n"
SIGN_OF_LIFE: Final = b": still here\n\n"


class ReaderGone(Exception):
    """It does not read."""


class EventStream(StreamingResponse):
    """Frames for a reader, and an end for one who stops to read."""

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncGenerator[bytes], *, patience: timedelta = SEND_PATIENCE) -> None:
        self._frames = frames
        self._patience = patience.total_seconds()
        headers = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
        super().__init__(frames, headers=headers)

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(self._patience):
                    await send(message)
            except TimeoutError as stuck:
                raise ReaderGone from stuck

        try:
            async with aclosing(self._frames):
                await super().stream_response(send_in_time)
        except ReaderGone:
            return


def frame(event: JobEvent) -> bytes:
    return f"id: {event.seq}\nevent: {event.kind}\ndata: {event.model_dump_json()}\n\n".encode()


async def frames_of(
    database: Database, live: LiveEvents, code: str, *, after: int, heartbeat: timedelta = HEARTBEAT
) -> AsyncGenerator[bytes]:
    """The job's events with a number above `after`, each once and in order, until its end."""
    yield GREETING
    async with live.subscribed(code) as subscription:
        async for batch in _batches(database, subscription, code, after, heartbeat):
            yield b"".join(map(frame, batch)) or SIGN_OF_LIFE


async def _batches(
    database: Database, subscription: Subscription, code: str, after: int, heartbeat: timedelta
) -> AsyncGenerator[list[JobEvent]]:
    """What is in the database, then what comes. No session is held while it waits. An empty batch is a sign of life."""
    ends_at = time.monotonic() + STREAM_AT_MOST.total_seconds()
    last, is_over, is_more = after, False, True
    while is_more:
        page, is_over = await uninterrupted(_page(database, code, last))  # the reader may leave at any moment
        last, is_more = page[-1].seq if page else last, len(page) == AT_ONCE
        yield page
    while not is_over and not subscription.is_over and time.monotonic() < ends_at:
        news = [event for event in await _taken(subscription, heartbeat) if event.seq > last]
        is_over = any(map(_is_end, news))
        if not news:  # quiet: what the tail says is a hint, the database is the truth
            news, is_over = await uninterrupted(_page(database, code, last))
        last = news[-1].seq if news else last
        yield news


async def _page(database: Database, code: str, last: int) -> tuple[list[JobEvent], bool]:
    """Some of the history, and whether the job had ended before it was read."""
    async with database.read() as session:
        is_over = (await job_of(session, code)).job_status.is_final
        return await events_after(session, code, last), is_over


async def _taken(subscription: Subscription, heartbeat: timedelta) -> list[JobEvent]:
    try:
        async with asyncio.timeout(heartbeat.total_seconds()):
            return await subscription.take()
    except TimeoutError:
        return []


def _is_end(event: JobEvent) -> bool:
    return event.kind is EventKind.STATUS and event.job_status.is_final
