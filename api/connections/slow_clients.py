"""uvicorn's protocols with timeouts and size limits, so that an idle or slow client does not hold a connection.

Limited are the time to a request's first byte and to the end of its header, the header's size, the overhead of chunked
encoding, the number of pipelined requests, the time for which an unread body is discarded, the time between two
requests, and the time for which a client may not read. The time for a body is limited in
`api/connections/middleware.py`, where it is read.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from api.connections.deadlines import ClientLimits, Deadline, WriteTimeout
from api.connections.limits import Connections, ConnectionState, Slot
from api.connections.middleware import FULL, FULL_DETAIL, HEALTH_PATHS, LIMITS
from api.connections.turns import SENDER, Sender

#: uvicorn logs the URL of every WebSocket, and URLs carry tickets.
_QUIET: Final = logging.getLogger("uvicorn.error.websockets")
_QUIET.setLevel(logging.WARNING)

Refusal = Callable[[HTTPStatus, str], Response]


@dataclass(frozen=True)
class ConnectionContext:
    """Shared by all connections of a server. `slots` are by transport, since an upgrade changes the protocol."""

    connections: Connections
    limits: ClientLimits
    refusal: Refusal
    slots: dict[asyncio.BaseTransport, Slot] = field(default_factory=dict)


class TrackedProtocol(asyncio.Protocol):
    """A connection that holds a slot while it is open, with a timeout for writing."""

    context: ConnectionContext  #: set by `protocols_with`

    def connection_made(self, transport: Any) -> None:
        """See asyncio. An HTTP connection keeps its slot when it becomes a WebSocket."""
        super().connection_made(transport)
        self._write_timeout = WriteTimeout(transport, self.context.limits)
        self._acquire_slot(transport)

    def _acquire_slot(self, transport: Any) -> None:
        """Does nothing for a connection that has a slot already."""

    def pause_writing(self) -> None:
        """See asyncio."""
        super().pause_writing()
        self._write_timeout.begin()

    def resume_writing(self) -> None:
        """See asyncio."""
        super().resume_writing()
        self._write_timeout.end()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._write_timeout.close()
        transport: asyncio.BaseTransport = self.transport  # type: ignore[attr-defined]  # of uvicorn's protocols
        if slot := self.context.slots.pop(transport, None):
            self.context.connections.release(slot)
        super().connection_lost(exc)


class HttpConnection(TrackedProtocol, HttpToolsProtocol):
    """An HTTP connection, until it is closed or becomes a WebSocket."""

    def _acquire_slot(self, transport: Any) -> None:
        self._deadline = Deadline(self._expire)
        self._is_over = False  # whether input is ignored
        self._sender = Sender()
        self._in_header = self._in_body = False
        self._header_bytes = self._wire_bytes = self._body_bytes = 0
        self._cycles: list[RequestResponseCycle] = []  # without a complete response, oldest first
        address = self.client[0] if self.client else ""
        self._slot = self.context.connections.acquire(address, self._make_room)
        if self._slot is None:
            self._is_over = True
            transport.abort()
            return
        self.context.slots[transport] = self._slot
        self._deadline.set(self.context.limits.first_byte)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._is_over = True
        self._deadline.close()
        super().connection_lost(exc)
        for cycle in self._cycles:  # uvicorn notifies only the last of pipelined requests
            cycle.disconnected = True
            cycle.message_event.set()

    def data_received(self, data: bytes) -> None:
        """See asyncio. Counts the bytes of a header here: the parser's callbacks get it only when it is complete."""
        if self._is_over:
            return
        was_in_body = self._in_body
        super().data_received(data)
        limits = self.context.limits
        if self._in_header:
            self._header_bytes += len(data)
            if self._header_bytes > limits.header_bytes:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The header is too large.")
        elif was_in_body and self._in_body:
            self._wire_bytes += len(data)
            overhead = self._wire_bytes - self._body_bytes
            if overhead > limits.overhead_bytes + limits.overhead_ratio * self._body_bytes:
                self._abort()

    def on_message_begin(self) -> None:
        """See httptools."""
        if self._is_over:
            return
        if len(self.pipeline) >= self.context.limits.pipelined:
            self._abort()
            return
        super().on_message_begin()
        self._in_header, self._header_bytes = True, 0
        self._deadline.set(self.context.limits.header)

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        if not self._is_over:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        if not self._is_over:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """See httptools. Refuses too large headers. In a reserved slot, only health checks are answered."""
        if self._is_over or self._slot is None:
            return
        self._in_header = False
        self._deadline.cancel()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self.context.limits.header_bytes or len(self.headers) > self.context.limits.headers:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The header is too large, or has too many fields.")
            return
        if not self._is_for_named_host():
            self._refuse(HTTPStatus.BAD_REQUEST, "The request is for another host than its header Host.")
            return
        self.context.connections.set_state(self._slot, ConnectionState.RECEIVING)
        if self._slot.is_reserved and self.url.partition(b"?")[0] not in HEALTH_PATHS:
            if self.parser.should_upgrade():
                self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, FULL_DETAIL)
                return
            self.scope["state"][FULL] = True
        self.scope["state"][LIMITS] = self.context.limits
        self.scope["state"][SENDER] = self._sender
        self._in_body, self._wire_bytes, self._body_bytes = True, 0, 0
        super().on_headers_complete()
        if self.cycle is not None:
            self._cycles.append(self.cycle)

    def _is_for_named_host(self) -> bool:
        """A request line may name a host too (RFC 9112, section 3.2.2); the allowed ones are checked in the header."""
        if not self.url.lower().startswith((b"http:", b"https:")):
            return True
        named = self.url.partition(b"//")[2].partition(b"/")[0].partition(b"?")[0].lower()
        return [named] == [value.lower() for name, value in self.headers if name == b"host"]

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        if not self._is_over:
            self._body_bytes += len(body)
            super().on_body(body)

    def on_message_complete(self) -> None:
        """See httptools. The response may have been sent before that."""
        if self._is_over or self._slot is None:
            return
        self._in_body = False
        super().on_message_complete()
        if self.cycle is None or not self.cycle.response_complete:
            self.context.connections.set_state(self._slot, ConnectionState.BUSY)
        else:
            self._wait(self.context.limits.keep_alive)

    def on_response_complete(self) -> None:
        """See uvicorn. The next request may begin when the rest of this one has been read."""
        super().on_response_complete()
        self._cycles = [cycle for cycle in self._cycles if not cycle.response_complete]
        if self._is_over or not self.cycle.response_complete:
            return
        limits = self.context.limits
        self._wait(limits.unread_body if self._in_body else limits.keep_alive)

    def handle_websocket_upgrade(self) -> None:
        """See uvicorn. A WebSocket has pings instead of these deadlines."""
        self._deadline.cancel()
        self._write_timeout.end()
        if self._is_over or self._slot is None:
            return
        self.context.connections.set_state(self._slot, ConnectionState.BUSY)
        super().handle_websocket_upgrade()

    def _wait(self, timeout: timedelta) -> None:
        if self._slot is not None:
            self.context.connections.set_state(self._slot, ConnectionState.WAITING)
        self._deadline.set(timeout)

    def _expire(self) -> None:
        """Responds with 408 when a request has begun; aborts the connection otherwise."""
        if self._in_header:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The header did not come.")
        else:
            self._abort()

    def send_400_response(self, msg: str) -> None:
        """See uvicorn, whose own response would wait for ever for a client that does not read it."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _make_room(self) -> None:
        """Closes the connection for another one: with 503 when a request was being received."""
        if self._in_body and not self.cycle.response_started:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, FULL_DETAIL, linger=False)
        else:
            self._abort()

    def _refuse(self, status: HTTPStatus, detail: str, *, linger: bool = True) -> None:
        """Send an error response without the app, then close. Aborts when another response has begun.

        With `linger`, input is discarded for a while, so that the response is not lost (RFC 9112, section 9.6).
        """
        if self._is_over or self.transport.is_closing():
            return
        self._is_over = True
        if self.cycle is not None and not self.cycle.response_complete:
            if self.cycle.response_started or not self._in_body:
                self._abort()
                return
            self.cycle.disconnected = True  # what the app sends from now on is dropped
            self.cycle.message_event.set()
        self._in_header = False
        response = self.context.refusal(status, detail)
        lines = [
            STATUS_LINE[status],
            *_header_lines(self.server_state.default_headers),
            *_header_lines(response.raw_headers),
        ]
        self.transport.write(b"".join([*lines, b"connection: close\r\n\r\n", bytes(response.body)]))
        self.flow.resume_reading()
        self._wait(self.context.limits.unread_body)
        if linger:
            with suppress(OSError):  # the client may have closed the connection already
                self.transport.write_eof()
        else:
            self.transport.close()

    def _abort(self) -> None:
        self._is_over = True
        self._deadline.cancel()
        self.transport.abort()


class WebSocketConnection(TrackedProtocol, WebSocketsSansIOProtocol):
    """A WebSocket connection, after the upgrade."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = _QUIET


def _header_lines(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    return [name + b": " + value + b"\r\n" for name, value in headers]


def protocols_with(context: ConnectionContext) -> tuple[type[HttpConnection], type[WebSocketConnection]]:
    """Protocol classes bound to the context: uvicorn takes classes and instantiates them itself."""
    return type("Http", (HttpConnection,), {"context": context}), type(
        "WebSockets", (WebSocketConnection,), {"context": context}
    )
