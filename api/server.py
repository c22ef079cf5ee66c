"""The HTTP server: says when it is ready, and lets its streams go before it stops."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Final

import uvicorn
from fastapi import FastAPI

from api.slow_clients import SEND_PATIENCE, protocols_with
from api.streaming.hub import EventHub

GRACE_SECONDS: Final = 10
STREAMS: Final = 3000
SPARE_CONNECTIONS: Final = 1000
SPARE_FILES: Final = 200
KEEP_ALIVE_SECONDS: Final = 15
PING_SECONDS: Final = 20
MAX_MESSAGE_BYTES: Final = 16 * 1024
"""Of a WebSocket's client."""


class ApiServer(uvicorn.Server):
    """Signals are the process's own business; whoever runs us says when to stop."""

    def __init__(self, app: FastAPI, live: EventHub, *, streams: int, send_patience: timedelta) -> None:
        http, websocket = protocols_with(send_patience)
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="on",
                http=http,
                ws=websocket,
                ws_max_size=MAX_MESSAGE_BYTES,
                ws_ping_interval=PING_SECONDS,
                ws_ping_timeout=PING_SECONDS,
                ws_per_message_deflate=False,
                log_config=None,
                access_log=False,  # paths carry tokens and signatures
                server_header=False,
                limit_concurrency=streams + SPARE_CONNECTIONS,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._live = live
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._live.close()  # else it would wait for streams that never end
        await self._live.everybody_left()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(
    app: FastAPI,
    live: EventHub,
    *,
    host: str,
    port: int,
    streams: int = STREAMS,
    send_patience: timedelta = SEND_PATIENCE,
) -> AsyncIterator[str]:
    """The app's address while it is served, to so many streams besides all else. Port 0 is any free one.

    Raises OSError when the port is taken.
    """
    _allow_files(streams + SPARE_CONNECTIONS + SPARE_FILES)
    listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else every answer waits 40 ms for Nagle
    server = ApiServer(app, live, streams=streams, send_patience=send_patience)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await server.ready.wait()
        yield f"http://{host}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def _allow_files(wanted: int) -> None:
    """A connection is an open file, and many systems allow 1024 unless a process asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
