"""Runs the commands of docs/operations.md, block by block, as an operator does who copies them."""

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.cli.command import ROOT, CommandResult
from tests.stories.stack import StoryStack

PAGE: Final = ROOT / "docs" / "operations.md"
TIMEOUT: Final = 120.0

_SECTION: Final = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK: Final = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sections() -> dict[str, list[str]]:
    """The blocks of commands below each heading that has some."""
    _, *parts = _SECTION.split(PAGE.read_text("utf-8"))
    blocks = {heading: _BLOCK.findall(text) for heading, text in zip(parts[::2], parts[1::2], strict=True)}
    return {heading: found for heading, found in blocks.items() if found}


class PageSection:
    """The blocks of one section, run one after another."""

    def __init__(self, stack: StoryStack, blocks: list[str]) -> None:
        self._stack = stack
        self.left = list(blocks)

    async def run(self, **variables: str) -> CommandResult:
        """Run the next block with these variables. It ends well."""
        process = await asyncio.create_subprocess_exec(
            *("bash", "-eu", "-c", self.left.pop(0)),
            env={**self._stack.environment, "PATH": search_path(), "PYTHONPATH": str(ROOT)} | variables,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(TIMEOUT):
            out, err = await process.communicate()
        assert process.returncode == 0, out.decode() + err.decode()
        return CommandResult(process.returncode, out.decode(), err.decode())


@contextmanager
def act(stack: StoryStack, heading: str) -> Iterator[PageSection]:
    """The commands below a heading. At the end of the block, all have been run."""
    section = PageSection(stack, sections()[heading])
    yield section
    assert section.left == []


def search_path() -> str:
    """With the `aijobs` and the `temporal` that belong to this Python."""
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"
