"""What a runbook tells its reader to look at, and to do: its commands, run as they stand there."""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg

from cli.embedded.temporal_server import temporal_binary
from tests.deploy.prometheus_server import ROOT, Prometheus
from tests.patience import PATIENCE

RUNBOOKS: Final = ROOT / "docs/runbooks"
SPAN: Final = re.compile(r"`([^`]+)`")
FIGURE: Final = re.compile(r"\b(aijobs|temporal)_[a-z_]+")
COMMANDS: Final = ("aijobs ", "temporal ", "curl ")
OF_OTHERS: Final = ("py-spy ",)  #: programs that are not ours to run
AT_ONCE: Final = 3  #: commands; each is a Python of its own

#: They fail when something is broken or gone, which is why they are asked.
MAY_FAIL: Final = ("aijobs doctor", "curl ")

Names = Mapping[str, str]  #: something of this installation, by what stands for it in a runbook: `CODE` for a job's


class LeadsNowhere(Exception):
    """What a runbook says cannot be done, or shows nothing."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where the reader of a runbook sits: a shell, Prometheus, the database and the logs of the installation."""

    environment: dict[str, str]
    prometheus: Prometheus
    database_url: str
    logs: Path
    bin: Path
    names: Names

    def install_commands(self) -> None:
        """Make a folder with `aijobs` and `temporal`, for the shell's PATH."""
        self.bin.mkdir()
        (self.bin / "aijobs").write_text(f'#!/bin/sh\ncd {ROOT}\nexec {sys.executable} -m cli.main "$@"\n')
        (self.bin / "aijobs").chmod(0o755)
        (self.bin / "temporal").symlink_to(temporal_binary())

    async def run(self, command: str) -> str:
        """What it prints. Raises LeadsNowhere when it fails."""
        process = await asyncio.create_subprocess_shell(
            command,
            env=self.environment | {"PATH": f"{self.bin}:{os.environ['PATH']}", "COLUMNS": "240"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
        if "Traceback" in output or (process.returncode and not command.startswith(MAY_FAIL)):
            raise LeadsNowhere(f"`{command}` fails: {output}")
        return output

    async def do(self, name: str, command: str, **names: str) -> str:
        """Run a command that an alert's runbook says, with these names filled in."""
        assert f"`{command}`" in (RUNBOOKS / f"{name}.md").read_text()
        filled = _filled(command, {**self.names, **names})
        return await asyncio.to_thread(self.select, filled) if filled.startswith("SELECT ") else await self.run(filled)

    def select(self, statement: str) -> str:
        with psycopg.connect(self.database_url) as connection:
            return "\n".join(map(str, connection.execute(statement.encode()).fetchall()))

    async def query(self, expression: str) -> str:
        """Of one or several questions: while something is down, Prometheus may have missed a figure once."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not (found := await self.prometheus.query(expression)):
                    await asyncio.sleep(1)
        except TimeoutError:
            raise LeadsNowhere(f"Prometheus has nothing for {expression}") from None
        return "\n".join(f"{series['metric']} {series['value'][1]}" for series in found)

    def logged(self, pattern: str) -> str:
        lines = [line for log in self.logs.glob("*.log") for line in log.read_text().splitlines()]
        if not (found := [line for line in lines if re.search(pattern, line)]):
            raise LeadsNowhere(f"No log has {pattern!r}")
        return found[-1]


@dataclass(frozen=True)
class Reading:
    """Somebody reads several runbooks at once. What two of them say is looked at once."""

    desk: Desk
    _limit: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _seen: dict[str, "asyncio.Task[str]"] = field(default_factory=dict)

    async def look(self, name: str, names: Names) -> tuple[str, list[str]]:
        """All that the section `Look` of an alert's runbook brings to light, and the parts of it that lead nowhere."""
        problems: list[str] = []

        async def seen(line: str, span: str) -> str:
            try:
                return f"$ {span}\n{await self._once(line, _filled(span, {**self.desk.names, **names}))}"
            except LeadsNowhere as problem:
                problems.append(str(problem))
                return ""

        lines = [line for line in look_section(name).splitlines() if line.startswith("* ")]
        found = await asyncio.gather(*(seen(line, span) for line in lines for span in SPAN.findall(line)))
        return "\n".join(found), problems

    async def _once(self, line: str, span: str) -> str:
        if span not in self._seen:
            self._seen[span] = asyncio.create_task(self._look_at(line, span))
        return await self._seen[span]

    async def _look_at(self, line: str, span: str) -> str:
        async with self._limit:
            if span.startswith(COMMANDS):
                return await self.desk.run(span)
            if span.startswith("SELECT "):
                return await asyncio.to_thread(self.desk.select, span)
            if FIGURE.search(span):
                return await self.desk.query(span)
            if "'s log: " in line:
                return self.desk.logged(span)
        if " " in span and not span.startswith(OF_OTHERS):
            raise LeadsNowhere(f"What is `{span}`?")
        return ""


def _filled(span: str, names: Names) -> str:
    for name, value in names.items():
        span = re.sub(rf"(?<![A-Z]){name}(?![A-Z])", value, span)
    return span


def look_section(name: str) -> str:
    return (RUNBOOKS / f"{name}.md").read_text().partition("## Look\n")[2].partition("\n## ")[0]
