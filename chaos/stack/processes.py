"""The processes of the stack: each is restarted whenever it ends, killed by us or by its own fault."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from enum import StrEnum
from typing import Final

from cli.embedded.processes import Process
from cli.errors import CommandError

PAUSE: Final = 0.3
"""Seconds between an end and the next start, unless it shall stay away longer."""

STOP_TIMEOUT: Final = 20.0
"""Seconds that a process which was asked to end may take."""


class Kind(StrEnum):
    """What a process is."""

    TEMPORAL = "temporal"
    DATABASE = "database"
    SANDBOX = "sandbox"
    API = "api"
    WORKER = "worker"


class StackProcess:
    """A process that is restarted whenever it ends."""

    def __init__(self, name: str, kind: Kind, start: Callable[[], AbstractAsyncContextManager[Process]]) -> None:
        self.name = name
        self.kind = kind
        self.unexpected_ends: list[str] = []  #: that the run had not asked for
        self.is_harmed = False  #: something is being done to it now
        self._start = start
        self._process: Process | None = None
        self._is_up = asyncio.Event()
        self._is_down = asyncio.Event()
        self._is_expected_to_end = False
        self._downtime = PAUSE

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep it running until the block ends."""
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            self._send(signal.SIGCONT)
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping

    @property
    def is_up(self) -> bool:
        return self._process is not None and not self._process.has_ended

    async def up(self) -> None:
        """Wait until it runs."""
        await self._is_up.wait()

    async def end(self, signal_number: signal.Signals, *, downtime: float) -> None:
        """Send SIGKILL or SIGTERM, wait for the end, and have it started again after a while."""
        self._is_expected_to_end, self._downtime = True, downtime
        self._send(signal_number)
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await self._is_down.wait()
        except TimeoutError:
            self.unexpected_ends.append(f"{self.name} did not end when it was asked to")
            self._send(signal.SIGKILL)

    async def pause(self, seconds: float) -> None:
        """Suspend it, and continue it later, as on an overloaded machine."""
        self._send(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._send(signal.SIGCONT)

    def _send(self, signal_number: signal.Signals) -> None:
        if self._process is not None and not self._process.has_ended:
            os.killpg(self._process.pid, signal_number)

    async def _keep(self) -> None:
        while True:
            try:
                async with self._start() as process:
                    self._process = process
                    self._is_down.clear()
                    self._is_up.set()
                    code = await process.ended()
                    if not self._is_expected_to_end:
                        self.unexpected_ends.append(f"{self.name} ended with code {code}")
            except CommandError as failed:
                self.unexpected_ends.append(f"{self.name} did not start: {'; '.join((str(failed), *failed.details))}")
            self._is_up.clear()
            self._is_down.set()
            await asyncio.sleep(self._downtime)
            self._is_expected_to_end, self._downtime = False, PAUSE
