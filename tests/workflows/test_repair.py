"""Repair mends what has stopped, leaves alone what has just ended, and one job does not keep it from the others."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlmodel import Session, col, update
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.ending import EndingActivities
from activities.repair import RepairActivities
from activities.rounds import Rounds
from aijobs.domain.errors import ProviderFailed
from aijobs.domain.jobs.job import JobBrief, late_watch_id
from aijobs.domain.jobs.submissions import CancelOutcome, Ref
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Snapshot
from aijobs.persistence.batches.feed import DatabaseBatchFeed
from aijobs.persistence.jobs.housekeeping import DatabaseHousekeeping
from aijobs.persistence.tables import JobRow
from tests.workflows.conftest import LOCAL_MODEL, Workbench, running_workbench
from tests.workflows.local import StepProvider
from workflows.namespace.executions import describe_execution
from workflows.namespace.schedules import SCHEDULE_ID, TemporalSchedules
from workflows.repair import ONE_REPAIR
from workflows.workflow_states import TemporalJobWorkflows

S = JobStatus
TIMEOUT: Final = 60.0

LONG_MODEL_ID: Final = "local_" * 400
"""Temporal refuses it as a search attribute."""


class Released(StepProvider):
    """Works until it is released. Counts what it is told to cancel. Implements Provider."""

    def __init__(self) -> None:
        super().__init__([S.PROCESSING])
        self.is_released = False
        self.cancels = 0

    async def query(self, ref: Ref) -> Snapshot:
        if self.is_released:
            return Snapshot(status=S.GENERATED, raw_status="done", final=True)
        return await super().query(ref)

    async def cancel(self, ref: Ref) -> CancelOutcome:
        self.cancels += 1
        return await super().cancel(ref)


class NoCancel(StepProvider):
    """Takes no cancel, for good. Implements Provider."""

    async def cancel(self, _ref: Ref) -> CancelOutcome:
        raise ProviderFailed("There is no such request.")


class Looking(DatabaseHousekeeping):
    """What has stopped by now, however short; something happens after the look."""

    def __init__(self, bench: Workbench, meanwhile: Callable[[], Awaitable[object]] | None = None) -> None:
        super().__init__(bench.database, bench.catalogue)
        self._meanwhile = meanwhile

    async def unfinished(self, *, quiet_for: timedelta, after: str, at_most: int) -> list[JobBrief]:
        assert quiet_for > timedelta()
        found = await super().unfinished(quiet_for=timedelta(), after=after, at_most=at_most)
        if found and self._meanwhile is not None:
            await self._meanwhile()
        return found


async def repaired(bench: Workbench, provider: Provider, looking: Looking) -> int:
    """How many jobs one round mends."""
    records, client, store = bench.records, bench.client, bench.adapters.store
    ending = EndingActivities(
        records.submissions,
        records.queries,
        records.gate,
        records.outputs,
        records.conversations,
        {"local": provider},
        store,
    )
    repair = RepairActivities(
        records.gate,
        looking,
        store,
        TemporalJobWorkflows(client),
        ending,
        DatabaseBatchFeed(bench.database, bench.catalogue, daily_limit=10_000),
        Rounds(TemporalSchedules(client), SCHEDULE_ID, every=ONE_REPAIR, longest=ONE_REPAIR),
        abandoned_after=timedelta(days=1),
    )
    return await ActivityEnvironment().run(repair.repair)


async def repairs_of(bench: Workbench, code: str) -> list[str]:
    return [event.detail["repair"] for event in await bench.history(code) if "repair" in event.detail]


async def until(bench: Workbench, code: str, status: JobStatus) -> None:
    async with asyncio.timeout(TIMEOUT):
        while (await bench.records.queries.state(code)).job_status is not status:
            await asyncio.sleep(0.05)


def change_model(session: Session, code: str, model_id: str) -> None:
    session.exec(update(JobRow).where(col(JobRow.code) == code).values(model_id=model_id))


async def test_a_job_that_ends_while_repair_looks_is_left_alone(temporal_client: Client, tmp_path: Path) -> None:
    provider = Released()
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        job = await bench.start()
        await until(bench, job.id, S.PROCESSING)

        async def ends() -> None:
            provider.is_released = True
            assert (await job.result()).job_status is S.SUCCESS

        assert await repaired(bench, provider, Looking(bench, ends)) == 0

        assert await repairs_of(bench, job.id) == []
        assert provider.cancels == 0
        assert await describe_execution(temporal_client, late_watch_id(job.id), timeout=timedelta(seconds=5)) is None


async def test_a_provider_that_refuses_a_cancel_does_not_stop_repair(temporal_client: Client, tmp_path: Path) -> None:
    provider = NoCancel([S.PROCESSING])
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        job = await bench.start()
        await until(bench, job.id, S.PROCESSING)
        await job.terminate(reason="by mistake")

        assert await repaired(bench, provider, Looking(bench)) == 1

        ended = (await bench.history(job.id))[-1]
        assert (ended.job_status, ended.detail["provider_cancel"]) == (S.CANCELED, CancelOutcome.REQUESTED)


async def test_a_job_that_temporal_refuses_does_not_keep_repair_from_the_others(
    temporal_client: Client, tmp_path: Path
) -> None:
    provider = StepProvider([S.GENERATED])
    overlay = LOCAL_MODEL.replace("local_v1", LONG_MODEL_ID)
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}, overlay=overlay) as bench:
        refused, lost = (await bench.draft()).code, (await bench.draft()).code
        await bench.database.write(change_model, refused, LONG_MODEL_ID)

        assert refused < lost
        assert await repaired(bench, provider, Looking(bench)) == 1
        assert await repairs_of(bench, refused) == []
        assert (await temporal_client.get_workflow_handle(lost).result())["job_status"] == S.SUCCESS


async def test_a_user_with_the_longest_id_that_there_is_has_jobs(temporal_client: Client, tmp_path: Path) -> None:
    async with running_workbench(temporal_client, tmp_path, providers={"local": StepProvider([S.GENERATED])}) as bench:
        job = await bench.start(user="😀" * 200)

        assert (await job.result()).job_status is S.SUCCESS


async def test_jobs_of_a_model_that_is_gone_do_not_hide_those_behind_them(
    temporal_client: Client, tmp_path: Path
) -> None:
    async with running_workbench(temporal_client, tmp_path, providers={"local": StepProvider([S.GENERATED])}) as bench:
        gone, known = (await bench.draft()).code, (await bench.draft()).code
        await bench.database.write(change_model, gone, "gone_v1")

        found = await Looking(bench).unfinished(quiet_for=timedelta(seconds=1), after="", at_most=1)
        behind = await Looking(bench).unfinished(quiet_for=timedelta(seconds=1), after=found[0].code, at_most=1)

        assert ([brief.code for brief in found], behind) == ([known], [])
