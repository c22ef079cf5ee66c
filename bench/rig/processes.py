"""The processes that a measure starts, each ready when it is handed out, and gone with the measure."""

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from cli.embedded.ports import HOST
from cli.embedded.processes import Process, ProcessSpec, running

#: What the surroundings say must not change what is measured.
OURS: Final = ("AIJOBS_", "TEMPORAL_")


async def started(
    opened: AsyncExitStack,
    module: str,
    *arguments: str,
    folder: Path,
    port: int | None = None,
    settings: Mapping[str, str] | None = None,
) -> Process:
    """`python -m MODULE ARGUMENT …`; with a port, ready when it listens there. `folder` keeps its log."""
    spec = ProcessSpec(
        name=module,
        command=(sys.executable, "-m", module, *arguments),
        environment=_environment(folder) | dict(settings or {}),
        log=folder / "logs" / f"{module}.log",
    )

    async def is_ready() -> bool:
        return port is None or await _listens(port)

    return await opened.enter_async_context(running(spec, is_ready=is_ready))


def _environment(folder: Path) -> dict[str, str]:
    """As on a machine where it is installed: with compiled modules, whatever this one thinks of them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"PYTHONPYCACHEPREFIX": str(folder / "compiled")}


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
