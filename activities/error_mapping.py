"""Maps our errors to Temporal's ApplicationError: whether and when the activity is retried."""

import time
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.metrics import count_step_failure
from aijobs.domain.errors import (
    AijobsError,
    CancelRequested,
    DeadlinePassed,
    JobExpired,
    JobIsFinal,
    Overtaken,
    PermanentError,
    SlotAwaited,
    SubmissionForgotten,
    SubmissionLost,
    TransientError,
    UnknownJob,
    WebhookGivenUp,
    WebhookNotTaken,
)
from aijobs.domain.jobs.activity_io import PollResult
from aijobs.domain.jobs.job import JobState
from aijobs.domain.ports.jobs import JobGate

log = structlog.get_logger()

JOB_WORKFLOW: Final = "AiJob"  #: a workflow of this type has the code of a job for its id

#: Errors whose messages are ours from the first word to the last. Others may quote a vendor, a prompt or a link.
IN_OWN_WORDS: Final = (
    UnknownJob
    | JobIsFinal
    | DeadlinePassed
    | JobExpired
    | SubmissionForgotten
    | SubmissionLost
    | SlotAwaited
    | Overtaken
    | WebhookNotTaken
    | WebhookGivenUp
)

TRIES_ELSEWHERE: Final = 8
"""Attempts after which an unknown job is final: before that, another worker with another database may know it."""

ELSEWHERE_DELAY: Final = timedelta(seconds=0.5)


class ErrorMapping(Interceptor):
    """TransientError is retried by Temporal, PermanentError is not (aijobs/domain/errors.py).

    What a vendor or a caller has said stays out of Temporal's history and of the log: both get the code of an error,
    and its message where that is in our own words. What a step of a job has failed with for good is kept in the
    database, where the end of the job finds it.

    Our own errors are expected: one line in the log each, no traceback. Anything else is a bug and shows its traceback.
    """

    def __init__(self, gate: JobGate) -> None:
        self._gate = gate

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Translating(next, self._gate)


class _Translating(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, gate: JobGate) -> None:
        super().__init__(next)
        self._gate = gate

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info, began = activity.info(), time.perf_counter()
        with structlog.contextvars.bound_contextvars(**_named(info)):
            try:
                result = _without_words(await super().execute_activity(input))
            except AijobsError as expected:
                words = str(expected) if isinstance(expected, IN_OWN_WORDS) else expected.code
                log.info("step_failed", why=words)
                count_step_failure(info.activity_type, expected.code)
                await self._keep_words(expected, info)
                raise _translated(expected, words, attempt=info.attempt) from expected
            log.debug("step_done", ms=round((time.perf_counter() - began) * 1000, 1))
            return result

    async def _keep_words(self, error: AijobsError, info: activity.Info) -> None:
        """A database that is away takes no words: then the job ends with the code alone."""
        is_jobs = info.workflow_type == JOB_WORKFLOW and info.workflow_id is not None
        if is_jobs and isinstance(error, PermanentError) and not isinstance(error, CancelRequested | IN_OWN_WORDS):
            with suppress(AijobsError):
                await self._gate.note_failure(str(info.workflow_id), error.code, str(error))


def _named(info: activity.Info) -> dict[str, Any]:
    """What each line in the log of an activity says besides."""
    subject = "job" if info.workflow_type == JOB_WORKFLOW else "workflow"
    return {subject: info.workflow_id, "step": info.activity_type, "attempt": info.attempt}


def _without_words(result: Any) -> Any:
    """The result of an activity as Temporal's history may hold it."""
    if isinstance(result, JobState | PollResult) and result.error is not None:
        return result.model_copy(update={"error": result.error.without_words})
    return result


def _translated(error: AijobsError, words: str, *, attempt: int) -> ApplicationError:
    may_be_known_elsewhere = isinstance(error, UnknownJob) and attempt < TRIES_ELSEWHERE
    delay = error.retry_after if isinstance(error, TransientError) else None
    return ApplicationError(
        words,
        type=error.code,
        non_retryable=isinstance(error, PermanentError) and not may_be_known_elsewhere,
        next_retry_delay=ELSEWHERE_DELAY if may_be_known_elsewhere else delay,
        category=ApplicationErrorCategory.BENIGN,
    )
