"""What an error means to Temporal: whether it tries again, and when."""

from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.errors import PermanentError, TransientError


class DomainFailures(Interceptor):
    """Carries the one decision of the tree in domain/errors.py, whether another try can help, over to Temporal."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Translating(next)


class _Translating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        try:
            return await super().execute_activity(input)
        except PermanentError as final:
            raise ApplicationError(str(final), type=final.code, non_retryable=True) from final
        except TransientError as passing:
            raise ApplicationError(str(passing), type=passing.code, next_retry_delay=passing.retry_after) from passing
