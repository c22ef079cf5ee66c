"""Every process of an installation while it works: its command line, and its environment unless it is of ours."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PAUSE: Final = 0.02  #: seconds between two looks: a parser lives for a tenth of a second at least


@dataclass
class SeenProcesses:
    """`environments` are those of children: of Temporal, the sandbox and parsers, by what they run."""

    command_lines: set[bytes] = field(default_factory=set)
    environments: dict[bytes, bytes] = field(default_factory=dict)


@asynccontextmanager
async def watched(roots: Collection[int], *, ours: Collection[int]) -> AsyncIterator[SeenProcesses]:
    """Look again and again at the processes below `roots`, themselves included. The settings belong to `ours`.

    A child that has not begun its own program yet is still a copy of its parent.
    """
    seen = SeenProcesses()
    own_lines = {Path(f"/proc/{pid}/cmdline").read_bytes() for pid in ours}

    def look() -> None:
        for pid in {*roots, *(below for root in roots for below in _below(root))}:
            with suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_bytes()
                seen.command_lines.add(line)
                variables = Path(f"/proc/{pid}/environ").read_bytes()
                is_same = Path(f"/proc/{pid}/cmdline").read_bytes() == line  # and not another program by now
                if line and is_same and line not in own_lines:
                    seen.environments[line] = variables

    async def go_on() -> None:
        while True:
            look()
            await asyncio.sleep(PAUSE)

    looking = asyncio.create_task(go_on())
    try:
        yield seen
    finally:
        looking.cancel()


def _below(pid: int) -> Iterator[int]:
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(OSError):
            for child in (thread / "children").read_text().split():
                yield int(child)
                yield from _below(int(child))
