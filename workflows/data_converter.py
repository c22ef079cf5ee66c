"""How values and failures become payloads of Temporal, for every client of ours, its workers and its replayers."""

from dataclasses import replace
from typing import Final

from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory


class BriefBenignFailures(DefaultFailureConverter):
    """Sends expected failures (BENIGN application errors) without traceback and cause, and all others with both.

    A poll without news is such a failure. Formatting its traceback costs more than the rest of the retry in the worker,
    and nobody reads it: message, type, details and delay say everything.
    """

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        if isinstance(exception, ApplicationError) and exception.category is ApplicationErrorCategory.BENIGN:
            received = exception.failure is not None  # such a one is sent on as it is
            exception = exception if received else _without_origin(exception)
        super().to_failure(exception, payload_converter, failure)


def _without_origin(error: ApplicationError) -> ApplicationError:
    """An equal error that was never raised: it has no traceback, no cause and no context."""
    return ApplicationError(
        error.message,
        *error.details,
        type=error.type,
        non_retryable=error.non_retryable,
        next_retry_delay=error.next_retry_delay,
        category=error.category,
    )


DATA_CONVERTER: Final = replace(pydantic_data_converter, failure_converter_class=BriefBenignFailures)
