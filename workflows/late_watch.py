"""After a job's end in doubt: watch on, slowly, so that its points are settled by what the provider really did."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from aijobs.domain.jobs.job import JobBrief
from workflows import activity_calls
from workflows.endings import is_forgotten, ran_out_of_time


@workflow.defn(name="LateWatch", failure_exception_types=[Exception])
class LateWatch:
    """Its id is the job's code with `_late` behind it."""

    @workflow.run
    async def run(self, brief: JobBrief) -> str:
        """The provider's final word, or that it never came: then the points stay held until an operator decides."""
        try:
            return (await activity_calls.watch_late(brief, within=brief.deadlines.late)).name
        except ActivityError as silent:
            if ran_out_of_time(silent) or is_forgotten(silent):
                return "no final word"
            raise
