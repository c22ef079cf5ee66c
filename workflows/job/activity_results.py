"""What became of an activity, for the workflow of a job."""

from typing import TypeVar

from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, RetryState
from temporalio.workflow import ActivityHandle

from aijobs.domain.errors import SlotAwaited
from aijobs.domain.jobs.job import JobState
from workflows.job.endings import failed_step, ran_out_of_time
from workflows.job.interruptions import StageClock

T = TypeVar("T")


def result_of(step: ActivityHandle[T], clock: StageClock) -> T:
    try:
        return step.result()
    except ActivityError as failure:
        raise failed_step(failure, clock.stage, deadline=clock.deadline) from failure


def recorded_state(ending: ActivityHandle[JobState]) -> JobState:
    """The job's state after its end was recorded. Raises ApplicationError when no database knows the job."""
    try:
        return ending.result()
    except ActivityError as failure:
        if isinstance(failure.cause, ApplicationError):
            raise ApplicationError(failure.cause.message, type=failure.cause.type, non_retryable=True) from failure
        raise


def is_out_of_time(step: ActivityHandle[T]) -> bool:
    failure = None if step.cancelled() else step.exception()
    return isinstance(failure, ActivityError) and ran_out_of_time(failure)


def was_waiting_in_line(submitting: ActivityHandle[T]) -> bool:
    """Whether a submit was stopped because a slot was granted, or its time went by while the job had none."""
    if submitting.cancelled():
        return True
    failure = submitting.exception()
    if not isinstance(failure, ActivityError):
        return False
    if isinstance(failure.cause, CancelledError) or failure.retry_state is RetryState.CANCEL_REQUESTED:
        return True
    return isinstance(failure.cause, ApplicationError) and failure.cause.type == SlotAwaited.code


def has_failed(step: ActivityHandle[T]) -> bool:
    return step.cancelled() or step.exception() is not None


def abandon(step: ActivityHandle[T]) -> None:
    """Cancel an activity whose result is no longer needed."""
    if not step.done():
        step.cancel()
        step.add_done_callback(has_failed)
