"""How a job ends before SUCCESS."""

from typing import Final

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, RetryState, TimeoutError  # noqa: A004

from aijobs.domain.errors import (
    CancelRequested,
    DeadlinePassed,
    PermanentError,
    SubmissionForgotten,
    UnknownJob,
    codes_below,
)
from aijobs.domain.jobs.job import CANCELED, JobError, Stage
from aijobs.domain.lifecycle import JobStatus

#: A version of the workflow (`workflow.patched`).
FAILED_STEP_TELLS_PROVIDER: Final = "failed-step-tells-provider"

#: Codes of errors after which the provider has nothing more to do. With any other, an operator has ended the step.
PERMANENT_CODES: Final = frozenset(codes_below(PermanentError))

FORGOTTEN_CODES: Final = frozenset({SubmissionForgotten.code, UnknownJob.code})


CANCELED_BY_OWNER: Final = "Canceled by its owner."
"""The reason in Temporal of a cancel that was requested of us. The database has the owner's words."""


class End(Exception):
    """Ends the job with `status`. `maybe_at_provider`: the provider may still be working and must be told to cancel.

    `in_doubt`: the provider may charge although our database knows of no submission.
    """

    def __init__(self, status: JobStatus, error: JobError, *, maybe_at_provider: bool, in_doubt: bool = False) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error
        self.maybe_at_provider = maybe_at_provider
        self.in_doubt = in_doubt


class AlreadyEnded(Exception):
    """The job was already final when the workflow ran: after a reset, or a start by hand."""


def canceled(reason: str, stage: Stage) -> End:
    error = JobError(code=CANCELED, message=reason, stage=stage)
    return End(JobStatus.CANCELED, error, maybe_at_provider=True)


def deadline_passed(stage: Stage, last_error: str = "") -> End:
    message = f"The {stage} deadline has passed." + (f" Last trouble: {last_error}" if last_error else "")
    error = JobError(code="deadline_passed", message=message, stage=stage)
    return End(JobStatus.TIMEOUT, error, maybe_at_provider=True)


def ended_by_provider(status: JobStatus, error: JobError) -> End:
    return End(status, error, maybe_at_provider=False)


def ran_out_of_time(failure: ActivityError) -> bool:
    """Whether the activity timed out: during an attempt, or because the next one would be after the deadline."""
    return isinstance(failure.cause, TimeoutError) or failure.retry_state is RetryState.TIMEOUT


def is_forgotten(failure: ActivityError) -> bool:
    """Whether our database has lost the submission or the job."""
    return isinstance(failure.cause, ApplicationError) and failure.cause.type in FORGOTTEN_CODES


def failed_step(failure: ActivityError, stage: Stage, *, deadline: Stage) -> End:
    """How the job ends after a failed activity. `deadline` is the stage whose deadline bounded the activity."""
    cause = failure.cause
    if ran_out_of_time(failure):
        last_error = cause.message if isinstance(cause, ApplicationError) else ""
        return deadline_passed(deadline, last_error)
    code = cause.type if isinstance(cause, ApplicationError) and cause.type else "internal_error"
    message = cause.message if isinstance(cause, ApplicationError) else str(cause or failure)
    error = JobError(code=code, message=message, stage=stage)
    match code:
        case CancelRequested.code:
            return canceled(CANCELED_BY_OWNER, stage)
        case DeadlinePassed.code:
            return deadline_passed(Stage.BUSINESS)
        case _ if is_forgotten(failure):
            return End(JobStatus.TIMEOUT, error, maybe_at_provider=True, in_doubt=True)
        case _:
            is_open = code not in PERMANENT_CODES and workflow.patched(FAILED_STEP_TELLS_PROVIDER)
            return End(JobStatus.FAILED, error, maybe_at_provider=is_open)
