"""The sweep, run by a Temporal Schedule: no accepted job stays without a workflow."""

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

from activities.sweeping import Sweeping
from workflows.queues import MIGRATION, WORKFLOWS
from workflows.steps import HEARTBEAT

ONE_SWEEP: Final = timedelta(minutes=5)
SCHEDULE_ID: Final = "aijobs-sweep"


@workflow.defn(name="Sweep", failure_exception_types=[Exception])
class Sweep:
    @workflow.run
    async def run(self) -> int:
        """Returns how many forgotten jobs were started."""
        return await workflow.execute_activity_method(
            Sweeping.start_forgotten_drafts,
            task_queue=MIGRATION,
            schedule_to_close_timeout=ONE_SWEEP,
            heartbeat_timeout=HEARTBEAT,
        )


async def schedule_sweep(client: Client, *, every: timedelta) -> None:
    """Make sure that the schedule exists."""
    action = ScheduleActionStartWorkflow(Sweep.run, id=SCHEDULE_ID, task_queue=WORKFLOWS, execution_timeout=ONE_SWEEP)
    schedule = Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
    try:
        await client.create_schedule(SCHEDULE_ID, schedule)
    except ScheduleAlreadyRunningError:
        return
