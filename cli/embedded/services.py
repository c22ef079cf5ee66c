"""The parts of an embedded installation, each a process: Temporal, sandbox, worker, API."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from aijobs.setting_files import SUFFIX
from aijobs.settings import PREFIX
from cli.embedded.child_environment import plain_environment
from cli.embedded.ports import HOST
from cli.embedded.processes import Process, ProcessSpec, running
from cli.embedded.supervision import Service
from cli.embedded.temporal_client import is_polled
from cli.embedded.temporal_server import temporal_server
from workflows.task_queues import WORKFLOWS

LOGS: Final = "logs"
DATA_DIR: Final = "AIJOBS_DATA_DIR"
WEBHOOK_SECRET: Final = "__WEBHOOK_SECRET"  # noqa: S105 - how the names of such settings end
START_TIMEOUT: Final = timedelta(seconds=60)
STOP_TIMEOUT: Final = timedelta(seconds=20)
STOP_MARGIN: Final = timedelta(seconds=5)
"""Each part should end by itself earlier; after that it is killed."""


@dataclass(frozen=True, kw_only=True)
class ServicePlan:
    """What to start, and where."""

    data_dir: Path
    api_port: int
    temporal_port: int
    ui_port: int
    sandbox_port: int
    sandbox_pace: tuple[str, ...] = ()  #: options of `aijobs sandbox`
    is_encrypted: bool = False  #: what Temporal keeps; its Web UI asks the API to decrypt it

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self.api_port}"

    @property
    def temporal_address(self) -> str:
        return f"{HOST}:{self.temporal_port}"

    @property
    def ui_url(self) -> str:
        return f"http://{HOST}:{self.ui_port}"

    @property
    def jobs_url(self) -> str:
        """The list of jobs in Temporal's Web UI, without repair, webhooks and watches."""
        return f"{self.ui_url}/namespaces/default/workflows?query=%60WorkflowType%60%3D%22AiJob%22"

    @property
    def sandbox_host(self) -> str:
        return f"{HOST}:{self.sandbox_port}"


def temporal(plan: ServicePlan) -> Service:
    @asynccontextmanager
    async def start() -> AsyncIterator[Process]:
        codec = f"{plan.api_url}/codec" if plan.is_encrypted else None
        async with temporal_server(
            data_dir=plan.data_dir, port=plan.temporal_port, ui_port=plan.ui_port, codec_endpoint=codec
        ) as server:
            yield server.process

    return Service("Temporal", plan.temporal_address, start)


def sandbox(plan: ServicePlan) -> Service:
    keep = str(plan.data_dir / "sandbox")
    options = ("--port", str(plan.sandbox_port), "--keep", keep, *plan.sandbox_pace)
    spec = _aijobs_spec(plan, "Sandbox", "sandbox", *options, environment=_sandbox_environment())
    return Service("Sandbox", f"http://{plan.sandbox_host}", lambda: _listening(spec, plan.sandbox_port))


def worker(plan: ServicePlan, *, shutdown_timeout: timedelta) -> Service:
    """`patience` is what it has to finish what it has begun."""
    spec = _aijobs_spec(plan, "Worker", "worker", stop_timeout=shutdown_timeout + STOP_MARGIN)
    return Service("Worker", "carries the jobs out", lambda: running(spec, is_ready=lambda: is_polled(WORKFLOWS)))


def api(plan: ServicePlan) -> Service:
    spec = _aijobs_spec(plan, "API", "api")
    return Service("API", plan.api_url, lambda: _listening(spec, plan.api_port))


def _sandbox_environment() -> dict[str, str]:
    """It simulates the vendors, and gets no secret but those of their webhooks."""
    needed = {
        name: value
        for name, value in os.environ.items()
        if name == DATA_DIR or (name.startswith(PREFIX) and name.removesuffix(SUFFIX).endswith(WEBHOOK_SECRET))
    }
    return plain_environment(**needed)


def _aijobs_spec(
    plan: ServicePlan,
    name: str,
    command: str,
    *options: str,
    stop_timeout: timedelta = STOP_TIMEOUT,
    environment: Mapping[str, str] | None = None,
) -> ProcessSpec:
    """An `aijobs` command; its environment is that of this process, unless another is given."""
    return ProcessSpec(
        name=f"The {name}",
        command=(sys.executable, "-P", "-m", "cli.main", command, *options),
        environment=dict(os.environ) if environment is None else environment,
        log=plan.data_dir / LOGS / f"{command}.log",
        start_timeout=START_TIMEOUT,
        stop_timeout=stop_timeout,
    )


def _listening(spec: ProcessSpec, port: int) -> AbstractAsyncContextManager[Process]:
    async def is_ready() -> bool:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            return False
        writer.close()
        return True

    return running(spec, is_ready=is_ready)
