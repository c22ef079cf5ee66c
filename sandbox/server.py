"""Serving the sandbox: inside a running event loop for tests, or until a signal comes."""

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

SECONDS_TO_SAY_GOODBYE: Final = 2


@dataclass(frozen=True, kw_only=True)
class RunningSandbox:
    """A sandbox that answers at `url`; its inside can be watched and changed without HTTP."""

    url: str
    config: SandboxConfig
    world: SandboxContext

    def misbehave(self, fault: str, *, arg: str | None = None, times: int | None = None, on: str | None = None) -> None:
        """Arm a fault for whoever comes next, by default once; raises UnknownFaultError."""
        self.world.board.set(arm_for_all(fault=fault, arg=arg, on=on, times=times))

    def behave(self) -> None:
        self.world.board.clear_standing()

    async def reset(self) -> None:
        """Forget everything; what is running ends without a word."""
        await self.world.reset()

    def pace(self, *, queue_seconds: float, work_seconds: float) -> None:
        change = {"queue_seconds": queue_seconds, "work_seconds": work_seconds}
        self.world.pace = self.world.pace.model_copy(update=change)

    def ledger(self, correlation: str | None = None) -> list[LedgerRow]:
        return self.world.ledger.rows(correlation)

    @property
    def webhook_secret(self) -> str:
        return self.world.webhooks.secret


class _SandboxServer(uvicorn.Server):
    """Leaves signals to its owner."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def running(config: SandboxConfig) -> AsyncIterator[RunningSandbox]:
    """Serves within the current event loop; raises OSError when the port is taken."""
    listener = _listening(config.host, config.port)
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
            timeout_graceful_shutdown=SECONDS_TO_SAY_GOODBYE,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            await asyncio.sleep(0.01)
            if serving.done():
                serving.result()
                raise RuntimeError("the sandbox ended while starting")
        yield RunningSandbox(url=bound.base_url, config=bound, world=app.state.world)
    finally:
        if server.started:
            app.state.world.closing.begin()
        server.should_exit = True
        await serving


def serve(config: SandboxConfig, *, announce: Callable[[str], None] = print) -> None:
    """Blocks until SIGINT or SIGTERM; `announce` is told the URL once it answers there."""
    asyncio.run(_serve(config, announce))


async def _serve(config: SandboxConfig, announce: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for end in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(end, stop.set)
    async with running(config) as sandbox:
        announce(sandbox.url)
        await stop.wait()


def _listening(host: str, port: int) -> socket.socket:
    """Names TCP outright: asyncio turns Nagle's algorithm off (40 ms a reply) only for sockets that do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener
