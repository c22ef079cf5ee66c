"""Repair and retention, each started by a Temporal Schedule: every accepted job gets its workflow, what is due goes."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from temporalio import workflow
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

from activities.repair import RepairActivities
from activities.retention import RUN_FOR, RetentionActivities
from workflows.activity_calls import HEARTBEAT
from workflows.task_queues import MIGRATION, WORKFLOWS

ONE_REPAIR: Final = timedelta(minutes=5)
SCHEDULE_ID: Final = "aijobs-repair"
DESCRIBE_TIMEOUT: Final = timedelta(seconds=3)

ONE_RETENTION: Final = 2 * RUN_FOR
RETENTION_SCHEDULE_ID: Final = "aijobs-retention"


@workflow.defn(name="Repair", failure_exception_types=[Exception])
class Repair:
    """One round of repair; a schedule starts it."""

    @workflow.run
    async def run(self) -> int:
        """Returns how many jobs were repaired."""
        return await workflow.execute_activity_method(
            RepairActivities.repair,
            task_queue=MIGRATION,
            schedule_to_close_timeout=ONE_REPAIR,
            heartbeat_timeout=HEARTBEAT,
        )


@workflow.defn(name="Retention", failure_exception_types=[Exception])
class RetentionRun:
    """One run of retention; a schedule starts it."""

    @workflow.run
    async def run(self) -> int:
        """Returns how many things were erased."""
        return await workflow.execute_activity_method(
            RetentionActivities.retain,
            task_queue=MIGRATION,
            schedule_to_close_timeout=ONE_RETENTION,
            heartbeat_timeout=HEARTBEAT,
        )


async def repair_problem(client: Client) -> str | None:
    """Why no repair is begun, in one sentence; None when it is, or the server does not tell. Raises RPCError."""
    try:
        described = await client.get_schedule_handle(SCHEDULE_ID).describe(rpc_timeout=DESCRIBE_TIMEOUT)
    except RPCError as refused:
        if refused.status is RPCStatusCode.NOT_FOUND:
            return f"There is no schedule {SCHEDULE_ID}."
        if refused.status in {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED}:
            return None
        raise
    return f"The schedule {SCHEDULE_ID} is paused." if described.schedule.state.paused else None


async def schedule_repair(client: Client, *, every: timedelta, memo: Mapping[str, str] | None = None) -> bool:
    """Make sure that the schedule exists; a new one starts workflows with `memo`. Returns whether it was made now."""
    action = ScheduleActionStartWorkflow(
        Repair.run, id=SCHEDULE_ID, task_queue=WORKFLOWS, execution_timeout=ONE_REPAIR, memo=memo
    )
    return await _scheduled(client, SCHEDULE_ID, action, every=every)


async def schedule_retention(client: Client, *, every: timedelta) -> bool:
    """Make sure that the schedule exists, and starts a run so often. Returns whether it was made now."""
    action = ScheduleActionStartWorkflow(
        RetentionRun.run, id=RETENTION_SCHEDULE_ID, task_queue=WORKFLOWS, execution_timeout=ONE_RETENTION
    )
    if await _scheduled(client, RETENTION_SCHEDULE_ID, action, every=every):
        return True
    await keep_interval(client, RETENTION_SCHEDULE_ID, every=every)
    return False


async def keep_interval(client: Client, name: str, *, every: timedelta) -> None:
    """Let a schedule that is there follow the setting. Nothing else of it changes: a paused one stays paused."""

    async def with_interval(current: ScheduleUpdateInput) -> ScheduleUpdate | None:
        schedule = current.description.schedule
        if [interval.every for interval in schedule.spec.intervals] == [every]:
            return None
        schedule.spec.intervals = [ScheduleIntervalSpec(every=every)]
        return ScheduleUpdate(schedule=schedule)

    await client.get_schedule_handle(name).update(with_interval)


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
