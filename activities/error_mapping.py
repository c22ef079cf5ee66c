"""What an error means to Temporal: whether it tries again, and when."""

from datetime import timedelta
from typing import Any, Final

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from aijobs.domain.errors import AijobsError, PermanentError, TransientError, UnknownJob

log = structlog.get_logger()

TRIES_ELSEWHERE: Final = 8
"""So often a step of a job that our database does not have is left to others: its own may be another worker's."""

ELSEWHERE_DELAY: Final = timedelta(seconds=0.5)


class ErrorMapping(Interceptor):
    """Carries the one decision of the tree in aijobs/domain/errors.py, whether another try can help, over to Temporal.

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
