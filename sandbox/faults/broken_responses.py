"""Responses that break HTTP on purpose: dropped connections, truncated bodies, endless bodies."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.clock import ClosingEvent

PIECES: Final = 20
TEN_TERABYTES: Final = 10 * 1024**4


class ReachableConnection(H11Protocol):
    """HTTP/1.1 protocol that gives the application the TCP transport, as `request.state.transport`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class Drop(Response):
    """No response: the TCP connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _transport(scope).abort()
        await _wait_for_disconnect(receive)


class CutShort(Response):
    """Declares a Content-Length of `promised`, sends `content`, and closes the connection."""

    def __init__(self, content: bytes, *, media_type: str, promised: int) -> None:
        super().__init__(content, media_type=media_type, headers={"content-length": str(promised)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body), "more_body": True})
        _transport(scope).close()
        await _wait_for_disconnect(receive)


def endless(content: bytes, *, media_type: str, closing: ClosingEvent) -> Response:
    """The content repeated without a Content-Length until the client disconnects."""

    async def pieces() -> AsyncIterator[bytes]:
        while not closing.begun:
            yield content
            await asyncio.sleep(0)

    return StreamingResponse(pieces(), media_type=media_type)


def slow(content: bytes, *, media_type: str, pause: float, closing: ClosingEvent) -> Response:
    """The whole content in small pieces, with a pause after each."""
    step = max(1, -(-len(content) // PIECES))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), step):
            yield content[start : start + step]
            await closing.sleep(pause)

    return StreamingResponse(pieces(), media_type=media_type, headers={"content-length": str(len(content))})


def _transport(scope: Scope) -> asyncio.Transport:
    transport = scope["state"]["transport"]
    assert isinstance(transport, asyncio.Transport), "serve the sandbox by sandbox.server"
    return transport


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
