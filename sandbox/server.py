"""Serving the sandbox: inside a running event loop for tests, or until SIGINT or SIGTERM."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Final

import uvicorn

from sandbox.app import build_sandbox
from sandbox.config import SandboxConfig
from sandbox.context import SandboxContext
from sandbox.faults.broken_responses import ReachableConnection
from sandbox.faults.fault_board import arm_for_all
from sandbox.persistence.ledger import LedgerRow

SHUTDOWN_SECONDS: Final = 2


@dataclass(frozen=True, kw_only=True)
class RunningSandbox:
    """A sandbox that listens at `url`; its state can be read and changed without HTTP."""

    url: str
    config: SandboxConfig
    context: SandboxContext

    def misbehave(self, fault: str, *, arg: str | None = None, times: int | None = None, on: str | None = None) -> None:
        """Arm a fault for the next matching call of any client, by default once. Raises UnknownFaultError."""
        self.context.board.set(arm_for_all(fault=fault, arg=arg, on=on, times=times))

    def behave(self) -> None:
        self.context.board.clear_server_faults()

    async def reset(self) -> None:
        """Delete everything. Running jobs are stopped and send no webhook."""
        await self.context.reset()

    def pace(self, *, queue_seconds: float, work_seconds: float) -> None:
        change = {"queue_seconds": queue_seconds, "work_seconds": work_seconds}
        self.context.pace = self.context.pace.model_copy(update=change)

    def ledger(self, correlation: str | None = None) -> list[LedgerRow]:
        return self.context.ledger.rows(correlation)

    @property
    def webhook_secret(self) -> str:
        return self.context.webhooks.secret


class _SandboxServer(uvicorn.Server):
    """Installs no signal handlers; the caller handles signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def running(config: SandboxConfig) -> AsyncIterator[RunningSandbox]:
    """Serve in the current event loop. Raises OSError when the port is in use."""
    listener = _listening_socket(config.host, config.port)
    bound = config.model_copy(update={"port": listener.getsockname()[1]})
    app = build_sandbox(bound)
    server = _SandboxServer(
        uvicorn.Config(
            app,
            http=ReachableConnection,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )
    server_task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            await asyncio.sleep(0.01)
            if server_task.done():
                server_task.result()
                raise RuntimeError("the sandbox ended while starting")
        yield RunningSandbox(url=bound.base_url, config=bound, context=app.state.context)
    finally:
        if server.started:
            app.state.context.closing.begin()
        server.should_exit = True
        await server_task


def serve(config: SandboxConfig, *, announce: Callable[[str], None] = print) -> None:
    """Blocks until SIGINT or SIGTERM; `announce` is called with the URL once the server listens."""
    asyncio.run(_serve(config, announce))


async def _serve(config: SandboxConfig, announce: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_number, stop.set)
    async with running(config) as sandbox:
        announce(sandbox.url)
        await stop.wait()


def _listening_socket(host: str, port: int) -> socket.socket:
    """Passes IPPROTO_TCP explicitly: only then asyncio turns Nagle's algorithm off, which costs 40 ms per response."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener
