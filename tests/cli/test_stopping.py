"""Every process ends after a signal, also without Temporal: in time, at once at the second, and with its parent."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from cli.commands.serve import WORKER_MARGIN
from cli.embedded.ports import free_ports
from cli.embedded.temporal_server import TemporalServer, temporal_server
from cli.errors import Exit
from tests.cli.command import RunningCommand, all_processes_end, running
from workflows.task_queues import WORKFLOWS

SLACK = 10.0
READY = "Ctrl-C stops everything"


@asynccontextmanager
async def worker_without_temporal(folder: Path, *, shutdown_patience: str) -> AsyncIterator[RunningCommand]:
    """A running worker whose Temporal server was killed."""
    async with temporal_server(data_dir=None) as temporal:
        settings = {"TEMPORAL_ADDRESS": temporal.address, "AIJOBS_WORKER__SHUTDOWN_PATIENCE": shutdown_patience}
        async with running("worker", folder=folder, **settings) as worker:
            await until_polled(temporal)
            os.killpg(temporal.process.pid, signal.SIGKILL)
            await temporal.process.ended()
            yield worker


async def until_polled(temporal: TemporalServer) -> None:
    client = await Client.connect(temporal.address)
    request = DescribeTaskQueueRequest(
        namespace="default",
        task_queue=TaskQueue(name=WORKFLOWS),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    async with asyncio.timeout(60):
        while not (await client.workflow_service.describe_task_queue(request)).pollers:
            await asyncio.sleep(0.1)


async def test_a_worker_ends_within_its_patience_though_temporal_is_away(tmp_path: Path) -> None:
    async with worker_without_temporal(tmp_path, shutdown_patience="1s") as worker:
        began = time.monotonic()
        worker.terminate()
        await worker.result()

    assert time.monotonic() - began < 1 + WORKER_MARGIN.total_seconds() + SLACK


async def test_the_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    async with worker_without_temporal(tmp_path, shutdown_patience="100s") as worker:
        worker.terminate()
        await asyncio.sleep(1)
        began = time.monotonic()
        result = await worker.interrupt()

    assert time.monotonic() - began < SLACK
    assert result.code == Exit.INTERRUPTED


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[RunningCommand]:
    options = ("--api-port", "--temporal-port", "--ui-port", "--sandbox-port")
    ports = [word for option, port in zip(options, free_ports(4), strict=True) for word in (option, str(port))]
    async with running("up", *ports, folder=tmp_path) as installation:
        await installation.wait_for_output(READY)
        yield installation


async def test_nothing_outlives_the_process_that_started_it(up: RunningCommand, tmp_path: Path) -> None:
    await up.kill()

    assert await all_processes_end(tmp_path, timeout=SLACK)


async def test_a_second_ctrl_c_ends_everything_at_once(up: RunningCommand, tmp_path: Path) -> None:
    os.kill(up.pid, signal.SIGINT)
    os.kill(up.pid, signal.SIGINT)
    began = time.monotonic()
    await up.result()

    assert time.monotonic() - began < SLACK
    assert await all_processes_end(tmp_path, timeout=SLACK)
