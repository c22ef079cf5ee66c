"""`WS /api/ws`: the events of `GET /api/events` over a WebSocket."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import Field, StrictInt, ValidationError
from starlette.datastructures import QueryParams
from starlette.status import WS_1001_GOING_AWAY, WS_1008_POLICY_VIOLATION, WS_1013_TRY_AGAIN_LATER

from aijobs.domain.errors import AijobsError, BadInput, FieldError, InvalidParameters
from aijobs.domain.values.json_pointer import pointer
from api.auth.access import Access, AppAccess
from api.auth.caller import Caller
from api.auth.origins import refuse_foreign_origin
from api.auth.tickets import identify_follower
from api.checked_route import MAX_ROW_ID, sent_by_name
from api.dependencies import Admission, Db, Live
from api.requests.paths import LogPosition
from api.routes.event_log import log_position
from api.streaming.filters import LogQuery, event_filter
from api.streaming.hub import EventHub
from api.streaming.open_streams import OpenStream
from api.streaming.replay import GlobalLog, follow
from api.streaming.subscriptions import StreamEnd

FIRST_MESSAGE_TIMEOUT: Final = timedelta(seconds=2)
"""Time for the first message, when the URL has no filters."""

MAX_REASON_BYTES: Final = 123  #: by RFC 6455, section 5.5
CREDENTIALS_EXPIRED: Final = 4401

#: Close codes (RFC 6455, section 7.4, and its IANA registry) and reasons.
CLOSING: Final[Mapping[StreamEnd | None, tuple[int, str]]] = {
    None: (WS_1001_GOING_AWAY, "Come back for more."),
    StreamEnd.CLOSED: (WS_1001_GOING_AWAY, "We stop. Come back."),
    StreamEnd.BEHIND: (WS_1013_TRY_AGAIN_LATER, "Too slow. Come back for the rest."),
    StreamEnd.DATABASE_ERROR: (WS_1013_TRY_AGAIN_LATER, "Something is out of order here. Come back."),
    StreamEnd.CREDENTIALS_INVALID: (CREDENTIALS_EXPIRED, "What let you in is no longer good."),
}

router = APIRouter()


class SubscribeMessage(LogQuery):
    """The one message that a client may send, before it receives any event."""

    after: Annotated[StrictInt, Field(ge=0, le=MAX_ROW_ID)] | LogPosition | None = None


@router.websocket("/api/ws")
async def follow_jobs(socket: WebSocket, access: AppAccess, database: Db, live: Live, admission: Admission) -> None:
    """Frames `{"id": <position in the log>, "event": {…}}`. See `GET /api/events`."""
    caller = await _authenticate(access, socket)
    message = _query_message(socket.query_params)
    log_filter = await event_filter(caller.visible_user, message, database) if message else None
    with admission.of(caller.credentials) as stream:
        now = await log_position(live, database, None)
        await socket.accept()
        try:
            if message is None:
                message = await _first_message(socket)
            log_filter = log_filter or await event_filter(caller.visible_user, message, database)
            after = now if message.after is None else await log_position(live, database, str(message.after))
            await _send_until_closed(live, socket, GlobalLog(log_filter), after, stream)
            code, reason = CLOSING[stream.ending]
        except AijobsError as error:
            code, reason = WS_1008_POLICY_VIOLATION, _close_reason(error)
        except WebSocketDisconnect:
            return
        with suppress(RuntimeError, WebSocketDisconnect):  # the client has disconnected meanwhile
            await socket.close(code, reason)


def _close_reason(error: AijobsError) -> str:
    """The message of the error, and its first field's."""
    first = next(iter(error.fields), None) if isinstance(error, BadInput) else None
    reason = f"{error} {first.pointer}: {first.message}" if first else str(error)
    return reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")


async def _authenticate(access: Access, socket: WebSocket) -> Caller:
    """Checks the origin, since browsers do not apply CORS to WebSockets (RFC 6455, section 10.2). Raises NotAllowed."""
    refuse_foreign_origin(socket, access.base_url, access.settings.allowed_origins)
    return await identify_follower(access, socket)


def _query_message(query: QueryParams) -> SubscribeMessage | None:
    """The filters in the URL as a message; None without any. Raises InvalidParameters."""
    message: dict[str, Any] = {name: values for name, values in sent_by_name(query).items() if name != "ticket"}
    if len(message.get("after", ())) > 1:
        raise InvalidParameters("This is not understood.", FieldError("/query/after", "Send it once."))
    if "after" in message:
        message["after"] = message["after"][0]
    return _parsed_message(message, where="/query") if message else None


def _parsed_message(message: object, *, where: str) -> SubscribeMessage:
    try:
        return SubscribeMessage.model_validate(message)
    except ValidationError as error:
        raise _invalid_message(error, where) from None


def _invalid_message(error: ValidationError, where: str = "") -> InvalidParameters:
    fields = [FieldError(where + pointer(*item["loc"]), item["msg"]) for item in error.errors()]
    return InvalidParameters("This is not understood.", *fields)


async def _first_message(socket: WebSocket) -> SubscribeMessage:
    """The client's message; an empty one after FIRST_MESSAGE_TIMEOUT. Raises InvalidParameters, WebSocketDisconnect."""
    try:
        async with asyncio.timeout(FIRST_MESSAGE_TIMEOUT.total_seconds()):
            text = await socket.receive_text()
    except TimeoutError:
        return SubscribeMessage()
    except KeyError as error:
        raise InvalidParameters("Send JSON as text.") from error
    try:
        return SubscribeMessage.model_validate_json(text)
    except ValidationError as error:
        raise _invalid_message(error) from None


async def _send_until_closed(live: EventHub, socket: WebSocket, log: GlobalLog, after: int, stream: OpenStream) -> None:
    """Raises InvalidParameters when the client sends another message, WebSocketDisconnect when it disconnects."""
    listening = asyncio.create_task(_refuse_further_messages(socket))
    sending = asyncio.create_task(_send(live, socket, log, after, stream))
    try:
        await asyncio.wait((listening, sending), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (listening, sending):
            task.cancel()
        await asyncio.wait((listening, sending))
    for task in (sending, listening):
        if not task.cancelled():
            task.result()


async def _send(live: EventHub, socket: WebSocket, log: GlobalLog, after: int, stream: OpenStream) -> None:
    async with aclosing(follow(live, log, after, stream)) as batches:
        async for batch in batches:
            for event in batch:
                await socket.send_text(event.message)


async def _refuse_further_messages(socket: WebSocket) -> None:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    raise InvalidParameters("Nothing is expected after the first message.")
