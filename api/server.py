"""The HTTP server. It reports when it is ready, and ends its streams before it stops."""

import asyncio
import resource
import socket
import sys
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, cast

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.connections.deadlines import CLIENT_LIMITS, ClientLimits
from api.connections.limits import ConnectionLimits, Connections
from api.connections.peer_address import PeerAddress
from api.connections.slow_clients import ConnectionContext, protocols_with
from api.streaming.hub import EventHub

GRACE_SECONDS: Final = 10
STREAMS: Final = 3000
SPARE_CONNECTIONS: Final = 1000
SPARE_FILES: Final = 200
ACCEPTED_AT_ONCE: Final = 32
"""New connections accepted in one iteration of the event loop, so that a flood does not delay open ones."""

LISTEN_BACKLOG: Final = 4096
UNSENT_BYTES: Final = 128 * 1024
"""Of a response that the kernel takes before its client has room for them (tcp(7)).

By default it takes megabytes, made for nothing when a client never reads. What is on its way is not limited by this.
"""

PING_SECONDS: Final = 20
MAX_MESSAGE_BYTES: Final = 16 * 1024
"""Of a message from a WebSocket client."""

CONNECTION_LIMITS: Final = ConnectionLimits()

log = structlog.get_logger()


class ApiServer(uvicorn.Server):
    """A uvicorn server that leaves signals to the process: `serving` stops it."""

    def __init__(self, app: FastAPI, live: EventHub, context: ConnectionContext, *, proxies: Collection[str]) -> None:
        http, websocket = protocols_with(context)
        super().__init__(
            uvicorn.Config(
                PeerAddress(cast("Any", ProxyHeadersMiddleware(cast("Any", app), trusted_hosts=list(proxies)))),
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
                proxy_headers=False,  # done above, where the address of the connection itself is noted too
                backlog=ACCEPTED_AT_ONCE,
                timeout_keep_alive=int(context.limits.keep_alive.total_seconds()),
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._live = live
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(LISTEN_BACKLOG)  # uvicorn has set it to ACCEPTED_AT_ONCE
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._live.close()  # else shutdown would wait for streams that never end
        await self._live.wait_until_empty()
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
    """Serves the app until the block ends and yields its URL, with room for so many `streams`. Port 0 is any free port.

    Raises OSError when the port is taken.
    """
    max_connections = allowed_connections(
        connections.in_all or streams + SPARE_CONNECTIONS, reserved=connections.reserved
    )
    context = ConnectionContext(Connections(connections, in_all=max_connections), clients, app.state.refusal)
    listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else Nagle's algorithm delays responses by 40 ms
    if sys.platform == "linux":  # inherited by the connections
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    server = ApiServer(app, live, context, proxies=connections.proxies)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await server.ready.wait()
        yield f"http://{host}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def allowed_connections(requested: int, *, reserved: int) -> int:
    """`requested`, or fewer when the limit on open files does not allow them.

    Raises the process's soft limit as far as needed: a connection is an open file, and many systems allow 1024 by
    default. With no file left, no connection could be accepted, not even a health check's.
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
