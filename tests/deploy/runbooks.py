"""What a runbook tells its reader to look at: its commands, run as they stand there."""

import asyncio
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from cli.embedded.temporal_server import temporal_binary
from tests.deploy.prometheus_server import ROOT, Prometheus

RUNBOOKS: Final = ROOT / "docs/runbooks"
SPAN: Final = re.compile(r"`([^`]+)`")
FIGURE: Final = re.compile(r"\b(aijobs|temporal)_[a-z_]+")
COMMANDS: Final = ("aijobs ", "temporal ", "curl ")
AT_ONCE: Final = 3  #: commands; each is a Python of its own

#: `aijobs doctor` fails when something is broken, which is why it is asked.
MAY_FAIL: Final = "aijobs doctor"


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
    names: dict[str, str]  #: what a runbook's words in capitals stand for

    def with_names(self, **names: str) -> "Desk":
        return Desk(**{**vars(self), "names": {**self.names, **names}})

    def install_commands(self) -> None:
        """Make a folder with `aijobs` and `temporal`, for the shell's PATH."""
        self.bin.mkdir()
        (self.bin / "aijobs").write_text(f'#!/bin/sh\ncd {ROOT}\nexec {sys.executable} -m cli.main "$@"\n')
        (self.bin / "aijobs").chmod(0o755)
        (self.bin / "temporal").symlink_to(temporal_binary())

    async def run(self, command: str) -> str:
        """What it prints. Raises LeadsNowhere when it fails."""
        for name, value in self.names.items():
            command = re.sub(rf"\b{name}(?=_late\b|\b)", value, command)
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

    async def look(self, name: str) -> tuple[str, list[str]]:
        """All that the section `Look` of an alert's runbook brings to light, and the parts of it that lead nowhere."""
        limit = asyncio.Semaphore(AT_ONCE)
        problems: list[str] = []

        async def seen(line: str, span: str) -> str:
            async with limit:
                try:
                    return f"$ {span}\n{await self._seen(line, span)}"
                except LeadsNowhere as problem:
                    problems.append(str(problem))
                    return ""

        lines = [line for line in look_section(name).splitlines() if line.startswith("* ")]
        found = await asyncio.gather(*(seen(line, span) for line in lines for span in SPAN.findall(line)))
        return "\n".join(found), problems

    async def _seen(self, line: str, span: str) -> str:
        if span.startswith(COMMANDS):
            return await self.run(span)
        if span.startswith("SELECT "):
            return await asyncio.to_thread(self._selected, span)
        if FIGURE.search(span):
            return await self._queried(span)
        if "'s log" in line:
            return self._logged(span)
        if " " in span:
            raise LeadsNowhere(f"What is `{span}`?")
        return ""

    async def _queried(self, expression: str) -> str:
        for name, value in self.names.items():
            expression = expression.replace(f'"{name}"', f'"{value}"')
        found = await self.prometheus.query(expression)
        if not found:
            raise LeadsNowhere(f"Prometheus has nothing for {expression}")
        return "\n".join(f"{series['metric']} {series['value'][1]}" for series in found)

    def _logged(self, words: str) -> str:
        logs = [log.read_text() for log in self.logs.glob("*.log")]
        lines = [text for log in logs for text in log.splitlines() if words in text]
        if not lines:
            raise LeadsNowhere(f"No log has {words!r}")
        return lines[-1]

    def _selected(self, statement: str) -> str:
        with psycopg.connect(self.database_url) as connection:
            return "\n".join(map(str, connection.execute(statement.encode()).fetchall()))


def look_section(name: str) -> str:
    return (RUNBOOKS / f"{name}.md").read_text().partition("## Look\n")[2].partition("\n## ")[0]
