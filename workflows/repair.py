"""Repair and retention, each started by a Temporal Schedule: every accepted job gets its workflow, what is due goes."""

from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import RetryPolicy

from activities.repair import RepairActivities
from activities.retention import ROUND, RetentionActivities
from workflows.activity_calls import HEARTBEAT
from workflows.task_queues import MIGRATION

RUN_FOR: Final = timedelta(days=1)
"""One run goes round for this long, as one activity that is tried again after each round (`activities/rounds.py`)."""

ONE_REPAIR: Final = timedelta(minutes=5)
ONE_RETENTION: Final = 2 * ROUND
"""The most that one round may take."""

RETRIES: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
"""For a round that fails. The round that follows a good one waits as long as the settings say."""


@workflow.defn(name="Repair", failure_exception_types=[Exception])
class Repair:
    """A day of repair; a schedule starts it."""

    @workflow.run
    async def run(self) -> int:
        """Returns how many jobs were repaired."""
        return await workflow.execute_activity_method(
            RepairActivities.repair,
            task_queue=MIGRATION,
            start_to_close_timeout=ONE_REPAIR,
            schedule_to_close_timeout=RUN_FOR,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=RETRIES,
        )


@workflow.defn(name="Retention", failure_exception_types=[Exception])
class RetentionRun:
    """A day of retention; a schedule starts it."""

    @workflow.run
    async def run(self) -> int:
        """Returns how many things were erased."""
        return await workflow.execute_activity_method(
            RetentionActivities.retain,
            task_queue=MIGRATION,
            start_to_close_timeout=ONE_RETENTION,
            schedule_to_close_timeout=RUN_FOR,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=RETRIES,
        )
