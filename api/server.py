"""The HTTP server: says when it is ready, and lets its streams go before it stops."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI

from api.live import LiveEvents

GRACE_SECONDS: Final = 10
MAX_CONNECTIONS: Final = 4000
KEEP_ALIVE_SECONDS: Final = 15


class ApiServer(uvicorn.Server):
    """Signals are the process's own business; whoever runs us says when to stop."""

    def __init__(self, app: FastAPI, live: LiveEvents) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="on",
                ws="none",
                log_config=None,
                access_log=False,  # paths carry tokens and signatures
                server_header=False,
                limit_concurrency=MAX_CONNECTIONS,
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
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: FastAPI, live: LiveEvents, *, host: str, port: int) -> AsyncIterator[str]:
    """The app's address while it is served. Port 0 is any free one. Raises OSError when the port is taken."""
    listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else every answer waits 40 ms for Nagle
    server = ApiServer(app, live)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await server.ready.wait()
        yield f"http://{host}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
