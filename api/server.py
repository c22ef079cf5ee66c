"""The HTTP server: says when it is ready, and lets its streams go before it stops."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI

from api.connections.deadlines import CLIENT_LIMITS, ClientLimits
from api.connections.limits import ConnectionLimits, Connections
from api.connections.slow_clients import Reception, protocols_with
from api.streaming.hub import EventHub

GRACE_SECONDS: Final = 10
STREAMS: Final = 3000
SPARE_CONNECTIONS: Final = 1000
SPARE_FILES: Final = 200
ACCEPTED_AT_ONCE: Final = 128
"""New connections between two looks at all others, so that a flood of them keeps nobody waiting."""

WAITING_TO_BE_ACCEPTED: Final = 4096
PING_SECONDS: Final = 20
MAX_MESSAGE_BYTES: Final = 16 * 1024
"""Of a WebSocket's client."""

CONNECTION_LIMITS: Final = ConnectionLimits()

log = structlog.get_logger()


class ApiServer(uvicorn.Server):
    """Signals are the process's own business; whoever runs us says when to stop."""

    def __init__(self, app: FastAPI, live: EventHub, reception: Reception, *, proxies: Collection[str]) -> None:
        http, websocket = protocols_with(reception)
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
                forwarded_allow_ips=list(proxies),
                backlog=ACCEPTED_AT_ONCE,
                timeout_keep_alive=int(reception.limits.keep_alive.total_seconds()),
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._live = live
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(WAITING_TO_BE_ACCEPTED)  # which uvicorn has set to how many are accepted in one go
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
    connections: ConnectionLimits = CONNECTION_LIMITS,
    clients: ClientLimits = CLIENT_LIMITS,
) -> AsyncIterator[str]:
    """The app's address while it is served, to so many streams besides all else. Port 0 is any free one.

    Raises OSError when the port is taken.
    """
    in_all = allowed_connections(connections.in_all or streams + SPARE_CONNECTIONS, reserved=connections.reserved)
    reception = Reception(Connections(connections, in_all=in_all), clients, app.state.refusal)
    listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else every answer waits 40 ms for Nagle
    server = ApiServer(app, live, reception, proxies=connections.proxies)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await server.ready.wait()
        yield f"http://{host}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def allowed_connections(requested: int, *, reserved: int) -> int:
    """So many, or as many as files may be open.

    A connection is an open file, and many systems allow 1024 unless a process asks for more. Without a file left, none
    could be accepted, not even a health check's.
    """
    other_files = reserved + ACCEPTED_AT_ONCE + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return requested
    files = max(soft, requested + other_files if hard == resource.RLIM_INFINITY else min(requested + other_files, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    allowed = min(requested, max(files - other_files, 1))
    if allowed < requested:
        log.warning("fewer_connections", allowed=allowed, requested=requested, open_files=files)
    return allowed
