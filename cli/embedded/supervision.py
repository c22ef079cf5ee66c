"""Keeps a process running until a block ends: a process that dies is reported and started again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cli.embedded.processes import Process
from cli.errors import CommandError

FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(seconds=30)
#: After running for so long, the next pause is the first one again.
STABLE_AFTER: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Service:
    """A process that can be started repeatedly. `where` is shown to people."""

    name: str
    where: str
    start: Callable[[], AbstractAsyncContextManager[Process]]


class Supervisor:
    """Keeps one service running."""

    def __init__(self, service: Service, report: Callable[[str], None]) -> None:
        self.service = service
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(_run_forever(service, self._first, report))

    async def ready(self) -> None:
        """Wait until the service is ready for the first time. Raises CommandError when it does not start."""
        await asyncio.wait({self._first, self.task}, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            self.task.result()


@asynccontextmanager
async def kept_running(service: Service, *, report: Callable[[str], None]) -> AsyncIterator[Supervisor]:
    """Starts the service when the block begins, and stops it at its end."""
    supervisor = Supervisor(service, report)
    try:
        yield supervisor
    finally:
        supervisor.task.cancel()
        with suppress(asyncio.CancelledError, CommandError):
            await supervisor.task


async def _run_forever(service: Service, ready: asyncio.Future[None], report: Callable[[str], None]) -> None:
    pause = FIRST_PAUSE
    while True:
        began = asyncio.get_running_loop().time()
        try:
            async with service.start() as process:
                if not ready.done():
                    ready.set_result(None)
                reason = _exit_reason(await process.ended())
        except OSError as failed:  # no memory, process or open file is left, or the disk is full
            if not ready.done():
                raise CommandError(f"{service.name} does not start: {failed.strerror}.") from failed
            reason = f"does not start: {failed.strerror}"
        except CommandError as failed:
            if not ready.done():
                raise
            reason = "; ".join((f"does not start: {failed}", *failed.details))
        if asyncio.get_running_loop().time() - began > STABLE_AFTER.total_seconds():
            pause = FIRST_PAUSE
        report(f"{service.name} {reason}. It starts again in {pause.total_seconds():g} s.")
        await asyncio.sleep(pause.total_seconds())
        pause = min(2 * pause, LONGEST_PAUSE)


def _exit_reason(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
