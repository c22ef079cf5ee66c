"""The processes of a benchmark: each is ready when it is returned, and is stopped at the end."""

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from cli.embedded.ports import HOST
from cli.embedded.processes import Process, ProcessSpec, running

#: Variables with these prefixes are not inherited from the environment.
OUR_PREFIXES: Final = ("AIJOBS_", "TEMPORAL_")


async def started(
    stack: AsyncExitStack,
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

    return await stack.enter_async_context(running(spec, is_ready=is_ready))


def _environment(folder: Path) -> dict[str, str]:
    """The environment without our variables, and with compiled modules enabled."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OUR_PREFIXES)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment | {"PYTHONPYCACHEPREFIX": str(folder / "compiled")}


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
