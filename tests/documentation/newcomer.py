"""Somebody who has just cloned the repository, and copies the commands of a page into two terminals."""

import asyncio
import os
import signal
import sys
import sysconfig
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cli.embedded.ports import free_ports
from tests.documentation.snippets import ROOT

UP: Final = ".venv/bin/aijobs up"
UP_PORTS: Final = {"--api-port": "8080", "--temporal-port": "7233", "--ui-port": "8233", "--sandbox-port": "9400"}
READY: Final = "Ctrl-C stops everything"
TIMEOUT: Final = 600.0
EXAMPLE_URL: Final = "https://jobs.example.com"
EXAMPLE_KEY: Final = "aijobs_…"
RUN: Final = """
import ast, asyncio, inspect, sys
code = compile(sys.argv[1], "snippet", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
running = eval(code, {"__name__": "__main__"})
if inspect.iscoroutine(running): asyncio.run(running)
"""


@dataclass
class Newcomer:
    """Works in a clone, with nothing of this process's environment, and on other ports: the usual ones may be taken."""

    folder: Path
    ports: Mapping[str, str] = field(
        default_factory=lambda: dict(zip(UP_PORTS.values(), map(str, free_ports(len(UP_PORTS))), strict=True))
    )

    @classmethod
    async def with_clone(cls, folder: Path) -> "Newcomer":
        newcomer = cls(folder / "aijobs")
        await newcomer._run("git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(newcomer.folder), cwd=folder)
        newcomer._lend_packages()
        return newcomer

    def _lend_packages(self) -> None:
        """What is installed here needs no download: pip finds it, in the locked versions, and installs the rest."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        packages = self.folder / ".venv" / "lib" / version / "site-packages"
        packages.mkdir(parents=True)
        (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
        scripts = self.folder / ".venv" / "bin"
        scripts.mkdir()
        (scripts / "temporal").symlink_to(Path(sysconfig.get_path("scripts")) / "temporal")

    async def types(self, commands: str) -> str:
        """Copies a block into the terminal, and returns what it prints. It ends well."""
        return await self._run("bash", "-eu", "-o", "pipefail", "-c", self._at_own_ports(commands), cwd=self.folder)

    async def runs_python(self, program: str) -> str:
        """Runs a program, which may await, with the address and the key of this installation in their places."""
        key = (self.folder / ".aijobs" / "key").read_text().strip()
        own = program.replace(EXAMPLE_URL, "http://127.0.0.1:8080").replace(EXAMPLE_KEY, key)
        return await self._run(".venv/bin/python", "-c", RUN, self._at_own_ports(own), cwd=self.folder)

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        """The terminal in which `aijobs up` runs, until Ctrl-C."""
        options = [word for option, port in UP_PORTS.items() for word in (option, self.ports[port])]
        process = await asyncio.create_subprocess_exec(
            *(*UP.split(), *options),
            cwd=self.folder,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        try:
            printed = ""
            async with asyncio.timeout(TIMEOUT):
                while READY not in printed:
                    line = await process.stdout.readline()
                    assert line, printed
                    printed += line.decode()
            yield
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
            await process.communicate()
        assert process.returncode == 0

    def _at_own_ports(self, text: str) -> str:
        for printed, free in self.ports.items():
            text = text.replace(f":{printed}", f":{free}")
        return text

    @property
    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        python = Path(sys.base_prefix) / "bin"
        return {
            "PATH": f"{python}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder.parent),
            "LANG": "C.UTF-8",
        } | kept

    async def _run(self, *command: str, cwd: Path) -> str:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(TIMEOUT):
            printed, _ = await process.communicate()
        assert process.returncode == 0, f"{' '.join(command)}\n{printed.decode()}"
        return printed.decode()
