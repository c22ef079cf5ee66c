"""The ways in which a job's story stops before SUCCESS."""

from typing import Final

from temporalio.exceptions import ActivityError, ApplicationError, RetryState, TimeoutError  # noqa: A004

from aijobs.domain.errors import CancelRequested, DeadlinePassed, SubmissionForgotten, UnknownJob
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus

FORGOTTEN: Final = frozenset({SubmissionForgotten.code, UnknownJob.code})


class End(Exception):
    """The story stops here. `maybe_at_provider`: the provider may still be working, and wants to be told.

    `in_doubt`: it may charge although our database knows nothing of what was sent.
    """

    def __init__(self, status: JobStatus, error: JobError, *, maybe_at_provider: bool, in_doubt: bool = False) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error
        self.maybe_at_provider = maybe_at_provider
        self.in_doubt = in_doubt


class AlreadyEnded(Exception):
    """The job was final before its workflow came to its end: after a reset, or a start by hand."""


def canceled(reason: str, stage: Stage) -> End:
    error = JobError(code="canceled", message=reason, stage=stage)
    return End(JobStatus.CANCELED, error, maybe_at_provider=True)


def deadline_passed(stage: Stage, last_trouble: str = "") -> End:
    message = f"The {stage} deadline has passed." + (f" Last trouble: {last_trouble}" if last_trouble else "")
    error = JobError(code="deadline_passed", message=message, stage=stage)
    return End(JobStatus.TIMEOUT, error, maybe_at_provider=True)


def told_by_provider(status: JobStatus, error: JobError) -> End:
    return End(status, error, maybe_at_provider=False)


def ran_out_of_time(failure: ActivityError) -> bool:
    """The step's patience ended: in the middle of a try, or because the next one would have come too late."""
    return isinstance(failure.cause, TimeoutError) or failure.retry_state is RetryState.TIMEOUT


def is_forgotten(failure: ActivityError) -> bool:
    """Our database does not know what was sent, or for whom."""
    return isinstance(failure.cause, ApplicationError) and failure.cause.type in FORGOTTEN


def failed_step(failure: ActivityError, stage: Stage, *, deadline: Stage) -> End:
    """What the end of a step's patience means. `deadline` is the one that its patience was bounded by."""
    cause = failure.cause
    if ran_out_of_time(failure):
        trouble = cause.message if isinstance(cause, ApplicationError) else ""
        return deadline_passed(deadline, trouble)
    code = cause.type if isinstance(cause, ApplicationError) and cause.type else "internal_error"
    message = cause.message if isinstance(cause, ApplicationError) else str(cause or failure)
    error = JobError(code=code, message=message, stage=stage)
    match code:
        case CancelRequested.code:
            return canceled(message, stage)
        case DeadlinePassed.code:
            return deadline_passed(Stage.BUSINESS)
        case _ if is_forgotten(failure):
            return End(JobStatus.TIMEOUT, error, maybe_at_provider=True, in_doubt=True)
        case _:
            return End(JobStatus.FAILED, error, maybe_at_provider=False)
