"""Keep a process running for as long as a block lasts: one that dies is started again, and it is said."""

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
#: One that lived so long died of something new: the pauses begin anew.
LONG_LIFE: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Service:
    """A process that can be started again and again in the same way. `where` is for people."""

    name: str
    where: str
    start: Callable[[], AbstractAsyncContextManager[Process]]


class Supervisor:
    """Watches over one service."""

    def __init__(self, service: Service, say: Callable[[str], None]) -> None:
        self.service = service
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(_keep(service, self._first, say))

    async def ready(self) -> None:
        """Wait until it is up for the first time. Raises CommandError when it does not get there."""
        await asyncio.wait({self._first, self.task}, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            self.task.result()


@asynccontextmanager
async def kept_running(service: Service, *, say: Callable[[str], None]) -> AsyncIterator[Supervisor]:
    """Starting when the block begins, stopped when it has ended."""
    keeper = Supervisor(service, say)
    try:
        yield keeper
    finally:
        keeper.task.cancel()
        with suppress(asyncio.CancelledError, CommandError):
            await keeper.task


async def _keep(service: Service, ready: asyncio.Future[None], say: Callable[[str], None]) -> None:
    pause = FIRST_PAUSE
    while True:
        began = asyncio.get_running_loop().time()
        try:
            async with service.start() as process:
                if not ready.done():
                    ready.set_result(None)
                reason = _how_it_ended(await process.ended())
        except CommandError as failed:
            if not ready.done():
                raise
            reason = "; ".join((f"does not start: {failed}", *failed.details))
        if asyncio.get_running_loop().time() - began > LONG_LIFE.total_seconds():
            pause = FIRST_PAUSE
        say(f"{service.name} {reason}. It starts again in {pause.total_seconds():g} s.")
        await asyncio.sleep(pause.total_seconds())
        pause = min(2 * pause, LONGEST_PAUSE)


def _how_it_ended(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
