"""The `aijobs` command as people run it: in a process of its own."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent.parent
PATIENCE: Final = 120.0
OURS: Final = ("AIJOBS_", "TEMPORAL_")  #: how the names of settings begin


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class Running:
    """A command that has not ended."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.said = ""

    async def until_it_says(self, words: str) -> None:
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while words not in self.said:
                line = await self._process.stdout.readline()
                assert line, f"It ended without saying {words!r}: {self.said}{await self._errors()}"
                self.said += line.decode()

    async def interrupt(self) -> Ended:
        """Ctrl-C, as a terminal sends it to the foreground."""
        self._process.send_signal(signal.SIGINT)
        return await self.ended()

    def terminate(self) -> None:
        self._process.terminate()

    async def ended(self) -> Ended:
        async with asyncio.timeout(PATIENCE):
            out, err = await self._process.communicate()
        assert self._process.returncode is not None
        return Ended(self._process.returncode, self.said + out.decode(), err.decode())

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def _errors(self) -> str:
        assert self._process.stderr is not None
        return (await self._process.stderr.read()).decode()


@asynccontextmanager
async def running(*arguments: str, folder: Path, **settings: str) -> AsyncIterator[Running]:
    """`aijobs ARGUMENTS` with `folder` as data directory, until the block ends at the latest."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", *arguments),
        env=environment(folder, **settings),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    command = Running(process)
    try:
        yield command
    finally:
        await command.kill()


async def aijobs_process(*arguments: str, folder: Path, **settings: str) -> Ended:
    """Run a command to its end, beside what the test itself serves."""
    async with running(*arguments, folder=folder, **settings) as command:
        return await command.ended()


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Nothing of the tester's own settings; only these."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return inherited | {"AIJOBS_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT)} | settings


def processes_about(folder: Path) -> dict[int, str]:
    """The command lines, by pid, of all processes that have a folder among their arguments or settings."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            variables = (process / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if int(process.name) != os.getpid() and (str(folder) in line or str(folder) in variables):
            found[int(process.name)] = line
    return found


def pid_of(command: str, *, folder: Path) -> int:
    """The one process of an installation that runs this command."""
    (found,) = (pid for pid, line in processes_about(folder).items() if line.endswith(f"cli.main {command}"))
    return found


async def nobody_about(folder: Path, *, within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while processes_about(folder):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.1)
    return True
