"""The `aijobs` command in a process of its own, as users run it."""

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
TIMEOUT: Final = 660.0  #: seconds; the demo gives up after ten minutes
OURS: Final = ("AIJOBS_", "TEMPORAL_")  #: how the names of settings begin


@dataclass(frozen=True)
class CommandResult:
    """Exit code and output of a command."""

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


class RunningCommand:
    """A command that has not ended."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.output = ""

    async def wait_for_output(self, words: str) -> None:
        assert self._process.stdout is not None
        async with asyncio.timeout(TIMEOUT):
            while words not in self.output:
                line = await self._process.stdout.readline()
                assert line, f"It ended without printing {words!r}: {self.output}{await self._errors()}"
                self.output += line.decode()

    async def interrupt(self) -> CommandResult:
        """Ctrl-C, as a terminal sends it to the process in the foreground."""
        self._process.send_signal(signal.SIGINT)
        return await self.result()

    def terminate(self) -> None:
        self._process.terminate()

    async def result(self) -> CommandResult:
        async with asyncio.timeout(TIMEOUT):
            out, err = await self._process.communicate()
        assert self._process.returncode is not None
        return CommandResult(self._process.returncode, self.output + out.decode(), err.decode())

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def _errors(self) -> str:
        assert self._process.stderr is not None
        return (await self._process.stderr.read()).decode()


@asynccontextmanager
async def running(*arguments: str, folder: Path, **settings: str) -> AsyncIterator[RunningCommand]:
    """`aijobs ARGUMENTS` with `folder` as data directory, until the block ends at the latest."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", *arguments),
        env=environment(folder, **settings),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    command = RunningCommand(process)
    try:
        yield command
    finally:
        await command.kill()


async def aijobs_process(*arguments: str, folder: Path, **settings: str) -> CommandResult:
    """Run a command to its end, beside what the test itself serves."""
    async with running(*arguments, folder=folder, **settings) as command:
        return await command.result()


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """The environment without the developer's own settings; only these."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return (
        inherited
        | {"AIJOBS_DATA_DIR": str(folder), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'clients/python'}"}
        | settings
    )


def processes_of(folder: Path) -> dict[int, str]:
    """The command lines, by pid, of all processes with this folder in their arguments or environment."""
    command_lines = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            variables = (process / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if int(process.name) != os.getpid() and (str(folder) in line or str(folder) in variables):
            command_lines[int(process.name)] = line
    return command_lines


def pid_of(command: str, *, folder: Path) -> int:
    """The one process of an installation that runs this command."""
    (pid,) = (pid for pid, line in processes_of(folder).items() if line.endswith(f"cli.main {command}"))
    return pid


async def all_processes_end(folder: Path, *, timeout: float = 5.0) -> bool:
    deadline = time.monotonic() + timeout
    while processes_of(folder):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.1)
    return True
