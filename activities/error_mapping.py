"""Maps our errors to Temporal's ApplicationError: whether and when the activity is retried."""

from datetime import timedelta
from typing import Any, Final

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from aijobs.domain.errors import AijobsError, PermanentError, TransientError, UnknownJob

log = structlog.get_logger()

TRIES_ELSEWHERE: Final = 8
"""Attempts after which an unknown job is final: before that, another worker with another database may know it."""

ELSEWHERE_DELAY: Final = timedelta(seconds=0.5)


class ErrorMapping(Interceptor):
    """TransientError is retried by Temporal, PermanentError is not (aijobs/domain/errors.py).

    Our own errors are expected: one line in the log each, no traceback. Anything else is a bug and shows its traceback.
    """

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Translating(next)


class _Translating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        try:
            return await super().execute_activity(input)
        except AijobsError as expected:
            info = activity.info()
            log.info(
                "step_failed", step=info.activity_type, job=info.workflow_id, attempt=info.attempt, why=str(expected)
            )
            raise _translated(expected, attempt=info.attempt) from expected


def _translated(error: AijobsError, *, attempt: int) -> ApplicationError:
    may_be_known_elsewhere = isinstance(error, UnknownJob) and attempt < TRIES_ELSEWHERE
    delay = error.retry_after if isinstance(error, TransientError) else None
    return ApplicationError(
        str(error),
        type=error.code,
        non_retryable=isinstance(error, PermanentError) and not may_be_known_elsewhere,
        next_retry_delay=ELSEWHERE_DELAY if may_be_known_elsewhere else delay,
        category=ApplicationErrorCategory.BENIGN,
    )
