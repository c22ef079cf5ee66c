"""Submitting a job, in the workflow: tries, waits in line for a slot, and ends when a cancel is requested."""

from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.workflow import ActivityHandle

from aijobs.domain.jobs.activity_io import SubmittedJob
from aijobs.domain.jobs.job import JobBrief, Stage
from workflows import activity_calls
from workflows.job.activity_results import has_failed, result_of, was_waiting_in_line
from workflows.job.endings import canceled, deadline_passed
from workflows.job.interruptions import Interruptions, StageClock

#: A version of the workflow (`workflow.patched`).
CANCEL_ENDS_SUBMIT: Final = "cancel-ends-submit"

LINE_PAUSE: Final = timedelta(minutes=1)
"""When the time of a submit went by in line, it begins again after so long, or when there is a slot."""


async def submitted(brief: JobBrief, interruptions: Interruptions) -> SubmittedJob:
    """The outcome. The time in line is no part of the stage's time. Raises End."""
    while True:
        clock = StageClock(brief, Stage.SUBMIT)
        interruptions.has_slot = False
        submitting = activity_calls.submit(brief, within=clock.left)
        if await interruptions.is_interrupted_before(submitting):
            if interruptions.cancel_reason is None:
                await _stop_waiting(submitting, interruptions)
            elif workflow.patched(CANCEL_ENDS_SUBMIT):
                await _cancel(submitting, interruptions)
        await interruptions.shielded(submitting)
        if not was_waiting_in_line(submitting):
            return result_of(submitting, clock)
        if not interruptions.has_slot:
            await wait_in_line(brief, interruptions)


async def wait_in_line(brief: JobBrief, interruptions: Interruptions) -> None:
    """Raises End when a cancel is requested, or the time of the whole job is over."""
    business = StageClock(brief, Stage.BUSINESS)
    await interruptions.pause_in_line(min(LINE_PAUSE, business.left), stage=Stage.SUBMIT)
    if business.is_over:
        raise deadline_passed(Stage.BUSINESS)


async def _stop_waiting(submitting: ActivityHandle[SubmittedJob], interruptions: Interruptions) -> None:
    """The job has a slot: between two attempts the submit ends, and one that runs is let finish."""
    submitting.cancel()
    await interruptions.shielded(submitting)
    if has_failed(submitting) and interruptions.cancel_reason is not None:
        raise canceled(interruptions.cancel_reason, Stage.SUBMIT)


async def _cancel(submitting: ActivityHandle[SubmittedJob], interruptions: Interruptions) -> None:
    """Between two attempts the submit ends at once. For a request on the wire, wait for the outcome."""
    submitting.cancel()
    await interruptions.shielded(submitting)
    if has_failed(submitting):
        assert interruptions.cancel_reason is not None, "a submit is canceled only on request"
        raise canceled(interruptions.cancel_reason, Stage.SUBMIT)
