"""Pauses with a real worker: jobs wait without using up their deadlines, and go on when they are told."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError

from aijobs.domain.jobs.job import JobState
from aijobs.domain.jobs.waiting import PausedThing
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.pauses import begin_pause, end_pause
from tests.patience import PATIENCE
from tests.workflows.conftest import Workbench, running_workbench
from tests.workflows.local import Echo, StepProvider
from workflows.outbox_relay import release_relay

S = JobStatus
SHORT = 'deadlines = { submit = "2s", processing = "2s" }'


async def no_pause() -> None: ...


@asynccontextmanager
async def paused_workbench(
    client: Client, folder: Path, adapters: Mapping[str, Any], *, overlay: str = SHORT
) -> AsyncIterator[tuple[Workbench, str]]:
    """Whose model is paused."""
    async with (
        running_workbench(client, folder, overlay=f"[models.local_v1]\n{overlay}", **adapters) as bench,
        release_relay(client, bench.records.releases),
    ):
        pause = await bench.database.write(
            begin_pause, PausedThing.MODEL, "local_v1", reason="red status page", by="key_1"
        )
        yield bench, pause.code


async def until_held(bench: Workbench, code: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not (await bench.database.read(job_of, code)).waiting:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("kind", ["asynchronous", "synchronous"])
async def test_a_pause_may_last_longer_than_the_deadline_and_then_the_job_goes_on(
    temporal_client: Client, tmp_path: Path, kind: str
) -> None:
    provider = StepProvider([S.GENERATED])
    adapters: dict[str, Any] = {"providers": {"local": provider}}
    overlay = SHORT
    if kind == "synchronous":
        adapters, overlay = {"generators": {"local": Echo(no_pause)}}, f"{SHORT}\nasyn = false"
    async with paused_workbench(temporal_client, tmp_path, adapters, overlay=overlay) as (bench, pause):
        job = await bench.start()
        await until_held(bench, job.id)
        await asyncio.sleep(3)
        held = await bench.database.read(job_of, job.id)
        requests = provider.requests

        await bench.database.write(end_pause, pause, by="key_1")
        result: JobState = await asyncio.wait_for(job.result(), 30)

    assert (held.job_status, held.waiting and held.waiting["for"]) == (S.DRAFT, "provider_paused")
    assert requests == 0
    assert result.job_status is S.SUCCESS


async def test_a_cancel_is_heard_while_a_job_is_paused(temporal_client: Client, tmp_path: Path) -> None:
    provider = StepProvider([S.GENERATED])
    async with paused_workbench(temporal_client, tmp_path, {"providers": {"local": provider}}) as (bench, _):
        job = await bench.start()
        await until_held(bench, job.id)
        await job.cancel(reason="enough")
        with suppress(WorkflowFailureError):
            await asyncio.wait_for(job.result(), 20)
        status = (await job.describe()).status
        final = await bench.database.read(job_of, job.id)

    assert status is WorkflowExecutionStatus.CANCELED
    assert (final.job_status, final.waiting) == (S.CANCELED, None)
    assert provider.requests == 0
