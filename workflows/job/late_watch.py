"""After a job that ended in doubt: polls slowly, so that its points are settled by what the provider really did."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from aijobs.domain.jobs.job import JobBrief
from workflows import activity_calls
from workflows.job.endings import is_forgotten, ran_out_of_time


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
