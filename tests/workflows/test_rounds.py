"""Repair and retention go round as one run, which its schedule starts and a pause of the schedule ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import pytest
from temporalio import activity
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    ScheduleSpec,
    WorkflowExecution,
    WorkflowExecutionStatus,
)
from temporalio.worker import Worker

from activities.rounds import Rounds
from cli.embedded.temporal_server import temporal_server
from worker import workflow_runner
from workflows.data_converter import DATA_CONVERTER
from workflows.namespace.schedules import SCHEDULE_ID, TemporalSchedules, keep_schedule, schedule_repair
from workflows.repair import ONE_REPAIR, Repair
from workflows.task_queues import MIGRATION, WORKFLOWS

EVERY: Final = timedelta(seconds=1)
ROUNDS: Final = 4
TIMEOUT: Final = 60.0


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Of a server of its own: a namespace has one schedule of repair."""
    async with temporal_server(data_dir=None) as server:
        yield await Client.connect(server.address, data_converter=DATA_CONVERTER)


class Counted:
    """The real activity's rounds, of which each repairs one job."""

    def __init__(self, client: Client) -> None:
        self.count = 0
        self._rounds = Rounds(TemporalSchedules(client), SCHEDULE_ID, every=EVERY, longest=ONE_REPAIR)

    @activity.defn(name="repair")
    async def repair(self) -> int:
        return await self._rounds.go(self._round)

    async def _round(self) -> int:
        self.count += 1
        return 1


@asynccontextmanager
async def repairing(client: Client) -> AsyncIterator[Counted]:
    counted = Counted(client)
    workflows = Worker(client, task_queue=WORKFLOWS, workflows=[Repair], workflow_runner=workflow_runner())
    async with workflows, Worker(client, task_queue=MIGRATION, activities=[counted.repair]):
        yield counted


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT):
        while not is_so():
            await asyncio.sleep(0.05)


async def runs(client: Client) -> list[WorkflowExecution]:
    """Every run of repair, as the schedule knows them: Temporal's list is behind."""
    described = await client.get_schedule_handle(SCHEDULE_ID).describe()
    actions = [action.action for action in described.info.recent_actions]
    started = [action for action in actions if isinstance(action, ScheduleActionExecutionStartWorkflow)]
    return [await client.get_workflow_handle(one.workflow_id).describe() for one in started]


async def ended(client: Client, run: WorkflowExecution) -> int:
    async with asyncio.timeout(TIMEOUT):
        result = await client.get_workflow_handle(run.id, result_type=int).result()
    return int(result)


async def test_all_rounds_are_one_run_until_the_schedule_is_paused(client: Client) -> None:
    await schedule_repair(client, every=EVERY)
    schedule = client.get_schedule_handle(SCHEDULE_ID)
    async with repairing(client) as counted:
        await until(lambda: counted.count >= ROUNDS)
        (run,) = await runs(client)
        assert run.status is WorkflowExecutionStatus.RUNNING

        await schedule.pause()

        assert await ended(client, run) == counted.count
        assert (await client.get_workflow_handle(run.id).describe()).history_length <= 11  # as that of a single round
        await schedule.unpause()
        await until(lambda: counted.count > ROUNDS + 2)
        assert len(await runs(client)) == 2


async def test_repair_now_ends_the_run_that_waits(client: Client) -> None:
    await schedule_repair(client, every=timedelta(hours=1))
    schedule = client.get_schedule_handle(SCHEDULE_ID)
    async with repairing(client) as counted:
        for n in (1, 2):
            await schedule.trigger(overlap=ScheduleOverlapPolicy.CANCEL_OTHER)
            await until(lambda n=n: counted.count >= n)  # type: ignore[misc]
        async with asyncio.timeout(TIMEOUT):
            while [run.status for run in await runs(client)] != [
                WorkflowExecutionStatus.CANCELED,
                WorkflowExecutionStatus.RUNNING,
            ]:
                await asyncio.sleep(0.05)


async def test_a_schedule_of_an_older_version_goes_round_after_the_upgrade(client: Client) -> None:
    """Its runs had five minutes: each does one round, until a worker of this version has looked at the schedule."""
    older = ScheduleActionStartWorkflow(
        Repair.run, id=SCHEDULE_ID, task_queue=WORKFLOWS, execution_timeout=timedelta(minutes=5)
    )
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)])
    await client.create_schedule(SCHEDULE_ID, Schedule(action=older, spec=spec))
    async with repairing(client) as counted:
        await until(lambda: counted.count >= 2)
        first, *_ = await runs(client)
        assert await ended(client, first) == 1

        await keep_schedule(client, SCHEDULE_ID, every=EVERY)

        before = counted.count
        await until(lambda: counted.count >= before + ROUNDS)
        *_, last = await runs(client)
        history = await client.get_workflow_handle(last.id).fetch_history()
        started = history.events[0].workflow_execution_started_event_attributes
        assert not started.workflow_execution_timeout.ToTimedelta()


async def test_a_run_whose_schedule_is_gone_ends(client: Client) -> None:
    await schedule_repair(client, every=EVERY)
    async with repairing(client) as counted:
        await until(lambda: counted.count >= 1)
        (run,) = await runs(client)

        await client.get_schedule_handle(SCHEDULE_ID).delete()

        assert await ended(client, run) == counted.count
