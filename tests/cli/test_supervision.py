"""A part of an installation that has died is started again, also when that does not work at first."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from cli.embedded.processes import Process, ProcessSpec, running
from cli.embedded.supervision import Service, kept_running
from cli.errors import CommandError

TIMEOUT: Final = 60.0


class Sleeper:
    """Starts processes that write to `log`."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.started = asyncio.Queue[Process]()
        self.problems: list[str] = []

    @property
    def service(self) -> Service:
        return Service("Sleeper", "here", self._start)

    @asynccontextmanager
    async def _start(self) -> AsyncIterator[Process]:
        command = (sys.executable, "-c", "import time; time.sleep(600)")
        async with running(ProcessSpec(name="Sleeper", command=command, log=self.log), is_ready=_at_once) as process:
            self.started.put_nowait(process)
            yield process


async def _at_once() -> bool:
    return True


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT):
        while not is_so():
            await asyncio.sleep(0.05)


async def test_a_start_that_the_system_refuses_is_tried_again(tmp_path: Path) -> None:
    sleeper = Sleeper(tmp_path / "logs" / "sleeper.log")
    async with kept_running(sleeper.service, report=sleeper.problems.append) as supervisor:
        await supervisor.ready()
        first = await sleeper.started.get()

        shutil.rmtree(sleeper.log.parent)
        sleeper.log.parent.write_text("a file where its folder was")
        first.kill()
        await until(lambda: len(sleeper.problems) == 2)
        sleeper.log.parent.unlink()
        async with asyncio.timeout(TIMEOUT):
            again = await sleeper.started.get()

        assert again.pid != first.pid
    assert "was ended by signal 9" in sleeper.problems[0]
    assert "does not start: File exists" in sleeper.problems[1]


async def test_a_first_start_that_the_system_refuses_says_so(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where a folder should be")
    sleeper = Sleeper(tmp_path / "logs" / "sleeper.log")

    async with kept_running(sleeper.service, report=sleeper.problems.append) as supervisor:
        with pytest.raises(CommandError, match="Sleeper does not start: File exists"):
            await supervisor.ready()
