"""The repair workflow, started by a Temporal Schedule: for example, every accepted job gets its workflow."""

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
)

from activities.repair import RepairActivities
from workflows.activity_calls import HEARTBEAT
from workflows.task_queues import MIGRATION, WORKFLOWS

ONE_REPAIR: Final = timedelta(minutes=5)
SCHEDULE_ID: Final = "aijobs-repair"


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


async def schedule_repair(client: Client, *, every: timedelta, memo: Mapping[str, str] | None = None) -> bool:
    """Make sure that the schedule exists; a new one starts workflows with `memo`. Returns whether it was made now."""
    action = ScheduleActionStartWorkflow(
        Repair.run, id=SCHEDULE_ID, task_queue=WORKFLOWS, execution_timeout=ONE_REPAIR, memo=memo
    )
    schedule = Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
    try:
        await client.create_schedule(SCHEDULE_ID, schedule)
    except ScheduleAlreadyRunningError:
        return False
    return True
