"""Child processes: each in a process group of its own, so that Ctrl-C reaches only the parent."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Final

from aijobs.persistence.private_files import OTHERS, make_private_file, make_private_folder
from cli.errors import CommandError

DIE_WITH_PARENT: Final = Path(__file__).with_name("die_with_parent.py")
READY_POLL_INTERVAL: Final = timedelta(milliseconds=20)
MAX_LOG_BYTES: Final = 10_000_000
LAST_LINES: Final = 5
LAST_BYTES: Final = 4096


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """How a process is started and stopped: its command, environment, log and timeouts."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    log: Path | None = None  #: appended to; None: shown only when it fails to start
    start_timeout: timedelta = timedelta(seconds=60)
    stop_timeout: timedelta = timedelta(seconds=10)


_RUNNING: Final[set["Process"]] = set()


class Process:
    """A running process."""

    def __init__(self, spec: ProcessSpec, running: asyncio.subprocess.Process) -> None:
        self.spec = spec
        self.pid = running.pid
        self._running = running

    @property
    def has_ended(self) -> bool:
        return self._running.returncode is not None

    async def ended(self) -> int:
        """Wait for its end. Returns the exit code, or minus the signal that ended it."""
        return await self._running.wait()

    async def stop(self) -> None:
        """Send SIGTERM; after `stop_timeout`, or when this call is canceled, SIGKILL."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self.spec.stop_timeout.total_seconds()):
                await self._running.wait()
        except TimeoutError:
            pass
        finally:
            self._signal(signal.SIGKILL)
            await self._running.wait()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, signal_number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal_number)


@asynccontextmanager
async def running(spec: ProcessSpec, *, is_ready: Callable[[], Awaitable[bool]]) -> AsyncIterator[Process]:
    """A process that is ready when the block begins, and stopped at its end.

    Raises CommandError with the last lines of its log when it ends early or is not ready in time.
    """
    with _log_file(spec.log) as log:
        process = Process(
            spec,
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-ISs", str(DIE_WITH_PARENT), str(os.getpid()), *spec.command),
                env=spec.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                umask=OTHERS,
            ),
        )
        _RUNNING.add(process)
        try:
            await _until_ready(process, is_ready, log)
            yield process
        finally:
            try:
                await process.stop()
            finally:
                _RUNNING.discard(process)


def kill_all() -> None:
    """Kill all child processes at once."""
    for process in _RUNNING:
        process.kill()


async def _until_ready(process: Process, is_ready: Callable[[], Awaitable[bool]], log: IO[bytes]) -> None:
    try:
        async with asyncio.timeout(process.spec.start_timeout.total_seconds()):
            while not process.has_ended:
                if await is_ready():
                    return
                await asyncio.sleep(READY_POLL_INTERVAL.total_seconds())
            reason = f"ended with code {await process.ended()}"
    except TimeoutError:
        reason = f"is not ready after {process.spec.start_timeout.total_seconds():g} s"
    raise CommandError(f"{process.spec.name} {reason}.", details=last_lines(log))


def _log_file(path: Path | None) -> AbstractContextManager[IO[bytes]]:
    """The log of a process, open for appending. A log that is too long is moved to `.log.1` first."""
    if path is None:
        return tempfile.TemporaryFile()
    make_private_folder(path.parent)
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    make_private_file(path)
    return path.open("ab+")


def last_lines(log: IO[bytes]) -> tuple[str, ...]:
    """The last lines of a log."""
    log.seek(max(0, log.seek(0, os.SEEK_END) - LAST_BYTES))
    return tuple(log.read().decode("utf-8", "replace").strip().splitlines()[-LAST_LINES:])
