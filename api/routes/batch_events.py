"""`GET /api/batches/{code}/events`: the progress of a batch as one stream, at most once a second."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from fastapi.responses import Response

from aijobs.domain.errors import NotFound
from aijobs.persistence.batches.queries import batch_and_progress, batch_of
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.event_log import EventFilter
from api.auth.tickets import Follower
from api.checked_route import CheckedRoute
from api.dependencies import Admission, Db, Live
from api.problems import problem_responses
from api.requests.paths import BatchCode
from api.schemas.batches import Batch, batch_response
from api.streaming.event import one_line
from api.streaming.hub import EventHub
from api.streaming.open_streams import OpenStream
from api.streaming.replay import STREAM_AT_MOST
from api.streaming.sse import HEARTBEAT_FRAME, EventStream, opening_frame
from api.streaming.subscriptions import Subscription

LOOK_EVERY: Final = timedelta(seconds=1)
LOOK_SHARE: Final = 20
"""A look follows after at least so many times the time that the one before took: large batches take longer to count."""

HEARTBEAT_EVERY: Final = timedelta(seconds=10)
NO_JOBS: Final = frozenset({"none"})

DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The stream. It ends with the batch.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'event: progress\ndata: {"code": "batch_…", "status": "RUNNING", "counts": {…}, …}\n\n',
            },
        },
    },
    204: {"description": "The batch has ended, and its end was received: do not reconnect."},
}

router = APIRouter(prefix="/api/batches", tags=["batches"], route_class=CheckedRoute)


@router.get(
    "/{code}/events",
    summary="Follow a batch live",
    response_class=Response,
    responses={**DOCUMENTED, **problem_responses(401, 403, 404, 429, 503)},
)
async def follow_batch(
    caller: Follower,
    code: BatchCode,
    database: Db,
    live: Live,
    admission: Admission,
    last_event_id: Annotated[str | None, Header(description="As browsers send it when they reconnect.")] = None,
) -> Response:
    """Server-sent events: `progress` with the batch, whenever it has changed; `end` with the last one.

    The jobs' own events are at `/api/events`.
    """
    user_id = caller.visible_user
    batch = await database.read(batch_of, code, user_id=user_id)
    if batch.ended_at is not None and last_event_id == str(batch.version):
        return Response(status_code=204)

    def frames(stream: OpenStream) -> AsyncGenerator[bytes]:
        return _frames(live, database, code, user_id, stream)

    return EventStream(frames, admission=admission.of(caller.credentials))


async def _frames(
    live: EventHub, database: Database, code: str, user_id: str | None, stream: OpenStream
) -> AsyncGenerator[bytes]:
    ends_at = time.monotonic() + STREAM_AT_MOST.total_seconds()
    shown: Batch | None = None
    last_frame = time.monotonic()
    yield opening_frame()
    async with live.subscribed(EventFilter(codes=NO_JOBS)) as subscription:
        stream.attach(subscription)
        with stream.needing_database(), suppress(NotFound):  # deleted meanwhile
            while not subscription.is_over and time.monotonic() < ends_at:
                began = time.monotonic()
                row, progress = await live.read(database.read(batch_and_progress, code, user_id=user_id))
                now_shown = batch_response(row, progress)
                if shown is None or _without_estimate(now_shown) != _without_estimate(shown):
                    shown, last_frame = now_shown, time.monotonic()
                    yield _frame(now_shown, row.version)
                elif time.monotonic() - last_frame > HEARTBEAT_EVERY.total_seconds():
                    last_frame = time.monotonic()
                    yield HEARTBEAT_FRAME
                if now_shown.ended_at is not None:
                    return
                pause = max(LOOK_EVERY.total_seconds(), LOOK_SHARE * (time.monotonic() - began))
                await _pause(subscription, pause)


def _frame(batch: Batch, version: int) -> bytes:
    """Only the end has an id: who has received it need not come back."""
    name, identified = ("end", f"id: {version}\n") if batch.ended_at else ("progress", "")
    return f"{identified}event: {name}\ndata: {one_line(batch.model_dump_json())}\n\n".encode()


def _without_estimate(batch: Batch) -> Batch:
    """What time alone changes is no news."""
    return batch.model_copy(update={"estimated_end": None, "rate_per_minute": None})


async def _pause(subscription: Subscription, seconds: float) -> None:
    """Sleeps so long, or until the stream is ended from outside."""
    ends_at = time.monotonic() + seconds
    while not subscription.is_over and (left := ends_at - time.monotonic()) > 0:
        try:
            async with asyncio.timeout(left):
                await subscription.take()
        except TimeoutError:
            return
