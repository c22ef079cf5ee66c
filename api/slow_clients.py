"""Connections as uvicorn keeps them, except that whoever stops to read is given up.

Otherwise an answer to such a reader would wait for ever, and the process with it when it wants to stop.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

SEND_PATIENCE: Final = timedelta(seconds=20)
"""A reader that takes nothing for so long is given up."""

#: uvicorn tells the address of every WebSocket that is opened, and addresses carry tickets.
_QUIET: Final = logging.getLogger("uvicorn.error.websockets")
_QUIET.setLevel(logging.WARNING)


class WriteTimeout:
    """Runs while a connection cannot be written to."""

    def __init__(self, transport: asyncio.Transport, lasting: timedelta) -> None:
        self._transport = transport
        self._lasting = lasting.total_seconds()
        self._timer: asyncio.TimerHandle | None = None
        self._left = 0

    def begin(self) -> None:
        self._left = self._transport.get_write_buffer_size()
        self._timer = asyncio.get_running_loop().call_later(self._lasting, self._look)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Slow is not stuck."""
        if self._transport.get_write_buffer_size() < self._left:
            self.begin()
        else:
            self._transport.abort()


class WriteTimeoutProtocol(asyncio.Protocol):
    """One connection; `lasting` is how long a reader may take nothing."""

    lasting = SEND_PATIENCE

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._patience = WriteTimeout(transport, self.lasting)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._patience.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._patience.end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.end()
        super().connection_lost(exc)


class HttpConnection(WriteTimeoutProtocol, HttpToolsProtocol):
    """HTTP with a limit on how long a client may not read."""


class WebSocketConnection(WriteTimeoutProtocol, WebSocketsSansIOProtocol):
    """What a connection may become."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.logger = _QUIET


def protocols_with(patience: timedelta) -> tuple[type[HttpConnection], type[WebSocketConnection]]:
    """Both kinds, with so much patience. uvicorn wants classes, which it fills itself."""
    return type("Http", (HttpConnection,), {"lasting": patience}), type(
        "WebSockets", (WebSocketConnection,), {"lasting": patience}
    )
