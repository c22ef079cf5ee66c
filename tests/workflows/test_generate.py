"""Synchronous models, which the worker generates itself."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import CancelledError

from tests.workflows.conftest import running_workbench
from tests.workflows.local import Echo

SYNCHRONOUS = "[models.local_v1]\nasyn = false"


async def test_a_synchronous_model_skips_the_providers_statuses(temporal_client: Client, tmp_path: Path) -> None:
    async def pause() -> None:
        await asyncio.sleep(0.6)

    async with running_workbench(
        temporal_client, tmp_path, generators={"local": Echo(pause)}, overlay=SYNCHRONOUS
    ) as bench:
        job = await bench.start("a lighthouse")
        await job.result()

        events = await bench.history(job.id)
        (output,) = await bench.records.outputs.of_job(job.id)
        kept = (tmp_path / "store" / output.key).read_text()

    assert [e.job_status.name for e in events if e.kind == "status"] == [
        "DRAFT",
        "PROCESSING",
        "GENERATED",
        "MIGRATING",
        "SUCCESS",
    ]
    assert [e.unit_progress for e in events if e.kind == "progress"] == [0, 25, 50, 75, 100]
    assert kept == "a lighthouse"


async def test_nothing_is_generated_for_a_job_whose_time_is_over(temporal_client: Client, tmp_path: Path) -> None:
    """As after a restore: repair starts a job that an older database has as a draft."""
    worked = asyncio.Event()

    async def pause() -> None:
        worked.set()

    async with running_workbench(
        temporal_client, tmp_path, generators={"local": Echo(pause)}, overlay=SYNCHRONOUS
    ) as bench:
        job = await bench.start(accepted=timedelta(hours=25))
        with pytest.raises(WorkflowFailureError):
            await job.result()

        last = (await bench.history(job.id))[-1]

    assert (last.job_status.name, last.detail["error"]["code"]) == ("TIMEOUT", "deadline_passed")
    assert not worked.is_set()


async def test_a_synchronous_model_can_be_canceled(temporal_client: Client, tmp_path: Path) -> None:
    started = asyncio.Event()

    async def pause() -> None:
        started.set()
        await asyncio.sleep(60)

    async with running_workbench(
        temporal_client, tmp_path, generators={"local": Echo(pause)}, overlay=SYNCHRONOUS
    ) as bench:
        job = await bench.start()
        await started.wait()
        await job.cancel(reason="enough")
        with pytest.raises(WorkflowFailureError) as ended:
            await job.result()

        last = (await bench.history(job.id))[-1]

    assert isinstance(ended.value.cause, CancelledError)
    assert (last.job_status.name, last.detail["error"]["message"]) == ("CANCELED", "enough")
