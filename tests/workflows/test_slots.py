"""Jobs that wait in line for a slot: they are told when they have one, and that time is not their submit's."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError

from aijobs.domain.jobs.slots.limits import CredentialLimits, LimitsSettings
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.jobs.totals import waiting_too_long
from aijobs.persistence.slots import admission
from tests.patience import PATIENCE
from tests.workflows.conftest import Workbench, running_workbench
from tests.workflows.local import StepProvider

S = JobStatus
ONE: Final = LimitsSettings(credentials={"local": CredentialLimits(in_flight=1)})
SHORT: Final = 'models.local_v1.deadlines = { submit = "2s" }'


class Held(StepProvider):
    """Generates nothing until the test says so. Implements Provider."""

    def __init__(self) -> None:
        super().__init__([S.PROCESSING], stops=False)

    def finish(self) -> None:
        self._scripts.clear()
        self._last.clear()
        self._script = [S.GENERATED]


async def waits(bench: Workbench, code: str) -> None:
    while (await bench.database.read(job_of, code)).waiting is None:
        await asyncio.sleep(0.05)


async def test_a_job_is_told_of_its_slot_and_its_time_in_line_is_no_part_of_its_submit(
    temporal_client: Client, tmp_path: Path
) -> None:
    provider = Held()
    async with running_workbench(
        temporal_client, tmp_path, providers={"local": provider}, limits=ONE, overlay=SHORT
    ) as bench:
        first = await bench.start()
        while not provider.questions:
            await asyncio.sleep(0.05)
        second = await bench.start()
        await waits(bench, second.id)
        await asyncio.sleep(4)  # longer than its submit may take
        assert provider.requests == 1

        provider.finish()
        async with asyncio.timeout(admission.LOOK_AGAIN / timedelta(seconds=1)):
            assert (await second.result()).job_status is S.SUCCESS
        assert (await first.result()).job_status is S.SUCCESS

    assert provider.requests == 2


async def test_a_wait_costs_no_history_and_a_cancel_ends_it_at_once(temporal_client: Client, tmp_path: Path) -> None:
    provider = Held()
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}, limits=ONE) as bench:
        first = await bench.start()
        while not provider.questions:
            await asyncio.sleep(0.05)
        second = await bench.start()
        await waits(bench, second.id)
        before = (await second.describe()).history_length
        await asyncio.sleep(1)
        assert (await second.describe()).history_length == before

        async with asyncio.timeout(PATIENCE):
            await second.cancel(reason="enough")
            with pytest.raises(WorkflowFailureError):
                await second.result()
        status = (await second.describe()).status
        provider.finish()
        await first.result()

    assert status is WorkflowExecutionStatus.CANCELED
    assert provider.requests == 1


async def test_a_job_whose_whole_time_is_over_ends_in_line(temporal_client: Client, tmp_path: Path) -> None:
    provider = Held()
    overlay = 'models.local_v1.deadlines = { submit = "1h", business = "3s" }'
    async with running_workbench(
        temporal_client, tmp_path, providers={"local": provider}, limits=ONE, overlay=overlay
    ) as bench:
        held = await bench.start()
        while not provider.questions:
            await asyncio.sleep(0.05)
        second = await bench.start()
        with pytest.raises(WorkflowFailureError):
            await second.result()
        final = await bench.database.read(job_of, second.id)
        with pytest.raises(WorkflowFailureError):
            await held.result()

    assert final.job_status is S.TIMEOUT
    assert final.error is not None
    assert final.error["stage"] == "business"
    assert final.has_slot is False
    assert provider.requests == 1


async def test_a_job_whose_provider_has_no_key_says_that_it_waits(temporal_client: Client, tmp_path: Path) -> None:
    async with running_workbench(temporal_client, tmp_path, providers={}) as bench:
        job = await bench.start()
        async with asyncio.timeout(30):
            await waits(bench, job.id)
        row = await bench.database.read(job_of, job.id)
        is_untouched = await bench.database.read(waiting_too_long)

    assert row.waiting is not None
    assert (row.job_status, row.waiting["for"], is_untouched) == (S.DRAFT, "rate_limit", None)
