"""The schedules that start repair and retention anew where no run goes on."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from workflows.repair import Repair, RetentionRun
from workflows.task_queues import WORKFLOWS

SCHEDULE_ID: Final = "aijobs-repair"
RETENTION_SCHEDULE_ID: Final = "aijobs-retention"
DESCRIBE_TIMEOUT: Final = timedelta(seconds=3)


class TemporalSchedules:
    """Implements Schedules."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def goes_on(self, schedule: str) -> bool:
        try:
            return await schedule_problem(self._client, schedule) is None
        except RPCError:
            return True


async def schedule_problem(client: Client, schedule: str) -> str | None:
    """Why it starts nothing, in one sentence; None when it does, or the server does not tell. Raises RPCError."""
    try:
        described = await client.get_schedule_handle(schedule).describe(rpc_timeout=DESCRIBE_TIMEOUT)
    except RPCError as refused:
        if refused.status is RPCStatusCode.NOT_FOUND:
            return f"There is no schedule {schedule}."
        if refused.status in {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED}:
            return None
        raise
    return f"The schedule {schedule} is paused." if described.schedule.state.paused else None


async def schedule_repair(client: Client, *, every: timedelta, memo: Mapping[str, str] | None = None) -> bool:
    """Make sure that the schedule exists; a new one starts workflows with `memo`. Returns whether it was made now."""
    action = ScheduleActionStartWorkflow(Repair.run, id=SCHEDULE_ID, task_queue=WORKFLOWS, memo=memo)
    return await _scheduled(client, SCHEDULE_ID, action, every=every)


async def schedule_retention(client: Client, *, every: timedelta) -> bool:
    """Make sure that the schedule exists, and starts a run so often. Returns whether it was made now."""
    action = ScheduleActionStartWorkflow(RetentionRun.run, id=RETENTION_SCHEDULE_ID, task_queue=WORKFLOWS)
    if await _scheduled(client, RETENTION_SCHEDULE_ID, action, every=every):
        return True
    await keep_schedule(client, RETENTION_SCHEDULE_ID, every=every)
    return False


async def keep_schedule(client: Client, name: str, *, every: timedelta) -> None:
    """Let a schedule that is there follow the setting, and its runs last as long as they go round: those of older
    versions had minutes. Nothing else of it changes: a paused one stays paused.
    """

    async def as_it_should_be(current: ScheduleUpdateInput) -> ScheduleUpdate | None:
        schedule = current.description.schedule
        action = schedule.action
        is_bounded = isinstance(action, ScheduleActionStartWorkflow) and action.execution_timeout is not None
        if not is_bounded and [interval.every for interval in schedule.spec.intervals] == [every]:
            return None
        schedule.spec.intervals = [ScheduleIntervalSpec(every=every)]
        if isinstance(action, ScheduleActionStartWorkflow):
            action.execution_timeout = None
        return ScheduleUpdate(schedule=schedule)

    await client.get_schedule_handle(name).update(as_it_should_be)


async def _scheduled(client: Client, name: str, action: ScheduleActionStartWorkflow, *, every: timedelta) -> bool:
    """A run that still goes on is not started again."""
    schedule = Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
    try:
        await client.create_schedule(name, schedule)
    except ScheduleAlreadyRunningError:
        return False
    return True
