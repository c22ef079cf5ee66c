"""Connections as uvicorn keeps them, except that nobody holds one by doing nothing, or takes more than is his.

Bounded are the time to a request's first byte and to the end of its header, the header's size, what surrounds a body on
the wire, how many requests wait behind one another, how long a body is thrown away that nobody reads, how long a
connection stays open between two requests, and how long somebody may not read. How long a body may take is in
`api/connections/middleware.py`, where its reader is known.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from api.connections.deadlines import ClientLimits, Deadline, WriteTimeout
from api.connections.limits import Connections, Doing, Seat
from api.connections.middleware import FULL, FULL_DETAIL, HEALTH_PATHS, LIMITS

#: uvicorn tells the address of every WebSocket that is opened, and addresses carry tickets.
_QUIET: Final = logging.getLogger("uvicorn.error.websockets")
_QUIET.setLevel(logging.WARNING)

Refusal = Callable[[HTTPStatus, str], Response]


@dataclass(frozen=True)
class Reception:
    """What all connections of a server share. `seats` are by transport, which outlives a change of the protocol."""

    connections: Connections
    limits: ClientLimits
    refusal: Refusal
    seats: dict[asyncio.BaseTransport, Seat] = field(default_factory=dict)


class SeatedProtocol(asyncio.Protocol):
    """One connection, which has a place while it lasts and whose writing is watched."""

    reception: Reception  #: filled in by `protocols_with`

    def connection_made(self, transport: Any) -> None:
        """The place of an HTTP connection stays with it when it becomes a WebSocket."""
        super().connection_made(transport)
        self._writing = WriteTimeout(transport, self.reception.limits.write)
        self._seated(transport)

    def _seated(self, transport: Any) -> None:
        """Nothing to do, where there is a place already."""

    def pause_writing(self) -> None:
        """See asyncio."""
        super().pause_writing()
        self._writing.begin()

    def resume_writing(self) -> None:
        """See asyncio."""
        super().resume_writing()
        self._writing.end()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._writing.end()
        transport: asyncio.BaseTransport = self.transport  # type: ignore[attr-defined]  # of uvicorn's protocols
        if seat := self.reception.seats.pop(transport, None):
            self.reception.connections.exit(seat)
        super().connection_lost(exc)


class HttpConnection(SeatedProtocol, HttpToolsProtocol):
    """A connection from its first byte to its last, or until it becomes a WebSocket."""

    def _seated(self, transport: Any) -> None:
        self._deadline = Deadline(self._expire)
        self._is_over = False  # nothing more is taken from it
        self._in_header = self._in_body = False
        self._header_bytes = self._wire_bytes = self._body_bytes = 0
        self._cycles: list[RequestResponseCycle] = []  # that are not answered, oldest first
        address = self.client[0] if self.client else ""
        self._seat = self.reception.connections.enter(address, self._make_room)
        if self._seat is None:
            self._is_over = True
            transport.abort()
            return
        self.reception.seats[transport] = self._seat
        self._deadline.set(self.reception.limits.first_byte)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._is_over = True
        self._deadline.lift()
        super().connection_lost(exc)
        for cycle in self._cycles:  # uvicorn tells only the last of those that wait behind one another
            cycle.disconnected = True
            cycle.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Headers come to the parser's callbacks when they are whole, so what comes before that is counted here."""
        if self._is_over:
            return
        was_in_body = self._in_body
        super().data_received(data)
        limits = self.reception.limits
        if self._in_header:
            self._header_bytes += len(data)
            if self._header_bytes > limits.header_bytes:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The header is too large.")
        elif was_in_body and self._in_body:
            self._wire_bytes += len(data)
            around = self._wire_bytes - self._body_bytes
            if around > limits.overhead_bytes + limits.overhead_ratio * self._body_bytes:
                self._abort()

    def on_message_begin(self) -> None:
        """See httptools."""
        if self._is_over:
            return
        if len(self.pipeline) >= self.reception.limits.pipelined:
            self._abort()
            return
        super().on_message_begin()
        self._in_header, self._header_bytes = True, 0
        self._deadline.set(self.reception.limits.header)

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        if not self._is_over:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        if not self._is_over:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The place becomes one that works, or only health checks are answered."""
        if self._is_over or self._seat is None:
            return
        self._in_header = False
        self._deadline.lift()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self.reception.limits.header_bytes or len(self.headers) > self.reception.limits.headers:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The header is too large, or has too many fields.")
            return
        self.reception.connections.becomes(self._seat, Doing.RECEIVING)
        if self._seat.is_reserved and self.url.partition(b"?")[0] not in HEALTH_PATHS:
            if self.parser.should_upgrade():
                self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, FULL_DETAIL)
                return
            self.scope["state"][FULL] = True
        self.scope["state"][LIMITS] = self.reception.limits
        self._in_body, self._wire_bytes, self._body_bytes = True, 0, 0
        super().on_headers_complete()
        if self.cycle is not None:
            self._cycles.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        if not self._is_over:
            self._body_bytes += len(body)
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole request is here; it may have been answered before that."""
        if self._is_over or self._seat is None:
            return
        self._in_body = False
        super().on_message_complete()
        if self.cycle is None or not self.cycle.response_complete:
            self.reception.connections.becomes(self._seat, Doing.BUSY)
        else:
            self._wait(self.reception.limits.keep_alive)

    def on_response_complete(self) -> None:
        """The next request may come, as soon as the rest of this one is here."""
        super().on_response_complete()
        self._cycles = [cycle for cycle in self._cycles if not cycle.response_complete]
        if self._is_over or not self.cycle.response_complete:
            return
        limits = self.reception.limits
        self._wait(limits.unread_body if self._in_body else limits.keep_alive)

    def handle_websocket_upgrade(self) -> None:
        """From here on it is a WebSocket, which has its own pings."""
        self._deadline.lift()
        self._writing.end()
        if self._is_over or self._seat is None:
            return
        self.reception.connections.becomes(self._seat, Doing.BUSY)
        super().handle_websocket_upgrade()

    def _wait(self, lasting: timedelta) -> None:
        if self._seat is not None:
            self.reception.connections.becomes(self._seat, Doing.WAITING)
        self._deadline.set(lasting)

    def _expire(self) -> None:
        """Answers 408 when a request has begun; closes the connection otherwise."""
        if self._in_header:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The header did not come.")
        else:
            self._abort()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP; uvicorn's own answer would wait for ever for somebody who does not read it."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _make_room(self) -> None:
        if self._in_body and not self.cycle.response_started:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, FULL_DETAIL, linger=False)
        else:
            self._abort()

    def _refuse(self, status: HTTPStatus, detail: str, *, linger: bool = True) -> None:
        """Answer without the app. Where another answer is still on its way, nothing can be put in between.

        What still comes is read for a while, so that the answer is not lost with it (RFC 9112, section 9.6).
        """
        self._is_over = True
        if self.cycle is not None and not self.cycle.response_complete:
            if self.cycle.response_started or not self._in_body:
                self._abort()
                return
            self.cycle.disconnected = True  # what it sends from now on is nobody's
            self.cycle.message_event.set()
        self._in_header = False
        answer = self.reception.refusal(status, detail)
        lines = [STATUS_LINE[status], *_lines(self.server_state.default_headers), *_lines(answer.raw_headers)]
        self.transport.write(b"".join([*lines, b"connection: close\r\n\r\n", bytes(answer.body)]))
        self.flow.resume_reading()
        self._wait(self.reception.limits.unread_body)
        if linger:
            self.transport.write_eof()
        else:
            self.transport.close()

    def _abort(self) -> None:
        self._is_over = True
        self._deadline.lift()
        self.transport.abort()


class WebSocketConnection(SeatedProtocol, WebSocketsSansIOProtocol):
    """What a connection may become."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.logger = _QUIET


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    return [name + b": " + value + b"\r\n" for name, value in headers]


def protocols_with(reception: Reception) -> tuple[type[HttpConnection], type[WebSocketConnection]]:
    """Both kinds of one server. uvicorn wants classes, which it fills itself."""
    return type("Http", (HttpConnection,), {"reception": reception}), type(
        "WebSockets", (WebSocketConnection,), {"reception": reception}
    )
