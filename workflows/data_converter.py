"""How values and failures become payloads of Temporal, for every client of ours, its workers and its replayers."""

from dataclasses import replace
from typing import Final

from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter
from temporalio.converter import CompositePayloadConverter, DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError


class BriefFailures(DefaultFailureConverter):
    """Sends expected failures (BENIGN application errors) without traceback and cause, and all others with both.

    A poll without news is such a failure. Formatting its traceback costs more than the rest of the retry in the worker,
    and nobody reads it: message, type, details and delay say everything.

    An unexpected error is sent without its message, which may quote anything: libraries name the value that they could
    not read. Its type and where it was raised say enough in Temporal.
    """

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        if isinstance(exception, ApplicationError) and exception.category is ApplicationErrorCategory.BENIGN:
            received = exception.failure is not None  # such a one is sent on as it is
            exception = exception if received else _without_origin(exception)
        elif not isinstance(exception, FailureError):
            exception = _without_message(exception)
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


def _without_message(error: BaseException) -> ApplicationError:
    silent = ApplicationError(f"Unexpected {type(error).__name__}.", type=type(error).__name__)
    silent.__cause__, silent.__context__ = error.__cause__, error.__context__
    silent.__suppress_context__ = error.__suppress_context__
    return silent.with_traceback(error.__traceback__)


_CONVERTERS: Final = tuple(PydanticPayloadConverter().converters.values())


class SharedConverters(CompositePayloadConverter):
    """Pydantic's converters, of which a process has one set: each keeps what it has learned of a type.

    The SDK makes a payload converter for every workflow, and two for each of its tasks.
    """

    def __init__(self) -> None:
        super().__init__(*_CONVERTERS)


DATA_CONVERTER: Final = replace(
    pydantic_data_converter,
    payload_converter_class=SharedConverters,
    failure_converter_class=BriefFailures,
)
"""Converts a value in the same way wherever it belongs: see `runners.context_free`."""
