"""What an error means to Temporal: whether it tries again, and when."""

from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from aijobs.domain.errors import AijobsError, PermanentError, TransientError

log = structlog.get_logger()


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
            raise _translated(expected) from expected


def _translated(error: AijobsError) -> ApplicationError:
    return ApplicationError(
        str(error),
        type=error.code,
        non_retryable=isinstance(error, PermanentError),
        next_retry_delay=error.retry_after if isinstance(error, TransientError) else None,
        category=ApplicationErrorCategory.BENIGN,
    )
