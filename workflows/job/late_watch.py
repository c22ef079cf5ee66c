"""After a job that ended in doubt: polls slowly, so that its points are settled by what the provider really did."""

import asyncio
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from aijobs.domain.jobs.job import JobBrief, late_watch_id
from workflows import activity_calls
from workflows.job.endings import is_forgotten, ran_out_of_time
from workflows.job.interruptions import Interruptions


@workflow.defn(name="LateWatch", failure_exception_types=[Exception])
class LateWatch:
    """The workflow's id is the job's code followed by `_late`."""

    @workflow.run
    async def run(self, brief: JobBrief) -> str:
        """The provider's final status, or "no final word": then the points stay held until an operator decides."""
        try:
            return (await activity_calls.watch_late(brief, within=brief.deadlines.late)).name
        except ActivityError as silent:
            if ran_out_of_time(silent) or is_forgotten(silent):
                return "no final word"
            raise


async def begin_late_watch(brief: JobBrief, interruptions: Interruptions) -> None:
    """Start the late watch of a job that has ended. A cancel that comes meanwhile is the job's, and leaves it alone."""
    starting = asyncio.create_task(
        workflow.start_child_workflow(
            LateWatch.run,
            brief,
            id=late_watch_id(brief.code),
            parent_close_policy=ParentClosePolicy.ABANDON,
            static_summary=f"Late word on {brief.code}",
        )
    )
    await interruptions.shielded(starting)
    with suppress(WorkflowAlreadyStartedError):  # it runs already: this is a reset of a job that had ended
        starting.result()
