"""What a failure looks like in Temporal: an expected one is short, any other keeps its traceback and cause."""

from datetime import timedelta
from typing import Final

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.converter import WorkflowSerializationContext
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from workflows.data_converter import DATA_CONVERTER

DELAY: Final = timedelta(seconds=3)


def test_a_value_is_converted_in_the_same_way_wherever_it_belongs() -> None:
    """Else the runner of workflows must not keep the context from the SDK (`workflows.runners.context_free`)."""
    context = WorkflowSerializationContext(namespace="default", workflow_id="job")

    assert DATA_CONVERTER.with_context(context) is DATA_CONVERTER
    assert DATA_CONVERTER.payload_codec is None
    assert DATA_CONVERTER.external_storage is None


def failure_of(error: BaseException) -> Failure:
    failure = Failure()
    DATA_CONVERTER.failure_converter.to_failure(error, DATA_CONVERTER.payload_converter, failure)
    return failure


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    """The error as a caller catches it, with a traceback."""
    try:
        raise error from cause
    except Exception as caught:  # noqa: BLE001 - any error may be given
        return caught


def benign(*details: object, non_retryable: bool = False) -> ApplicationError:
    return ApplicationError(
        "starting",
        *details,
        type="NoNews",
        non_retryable=non_retryable,
        next_retry_delay=DELAY,
        category=ApplicationErrorCategory.BENIGN,
    )


@pytest.mark.parametrize("non_retryable", [False, True])
def test_an_expected_failure_has_no_traceback_and_no_cause(*, non_retryable: bool) -> None:
    failure = failure_of(raised(benign({"seen": 3}, non_retryable=non_retryable), raised(ValueError("deep"))))

    assert failure.stack_trace == ""
    assert not failure.HasField("cause")
    info = failure.application_failure_info
    assert (failure.message, info.type, info.non_retryable) == ("starting", "NoNews", non_retryable)
    assert info.next_retry_delay.ToTimedelta() == DELAY
    assert ApplicationErrorCategory(info.category) is ApplicationErrorCategory.BENIGN
    assert [payload.data for payload in info.details.payloads] == [b'{"seen":3}']


def test_an_expected_failure_in_the_handling_of_another_error_does_not_carry_it() -> None:
    def poll() -> None:
        try:
            raise KeyError("inner")
        except KeyError:
            raise benign()  # noqa: B904 - on purpose: the context is implicit

    with pytest.raises(ApplicationError) as caught:
        poll()

    assert not failure_of(caught.value).HasField("cause")


def test_the_failure_of_a_job_has_no_traceback_either() -> None:
    failure = failure_of(raised(ApplicationError("provider_failed", {"code": "job_1"}, type="JobFailed"), KeyError()))

    assert (failure.message, failure.stack_trace, failure.HasField("cause")) == ("provider_failed", "", False)
    assert [payload.data for payload in failure.application_failure_info.details.payloads] == [b'{"code":"job_1"}']


def test_any_other_failure_keeps_its_traceback_and_its_cause() -> None:
    failure = failure_of(raised(ValueError("a bug"), raised(KeyError("deep"))))

    assert "in raised" in failure.stack_trace
    assert failure.cause.application_failure_info.type == "KeyError"
    assert "in raised" in failure.cause.stack_trace


def test_the_cause_of_another_failure_is_short_when_it_is_expected() -> None:
    failure = failure_of(raised(ValueError("a bug"), raised(benign())))

    assert "in raised" in failure.stack_trace
    assert failure.cause.message == "starting"
    assert failure.cause.stack_trace == ""


def test_a_failure_that_was_received_is_sent_on_as_it_came() -> None:
    came = failure_of(raised(benign()))
    came.stack_trace = "of another process"
    error = DATA_CONVERTER.failure_converter.from_failure(came, DATA_CONVERTER.payload_converter)

    assert failure_of(error).stack_trace == "of another process"


def test_an_unexpected_error_is_sent_without_its_message_and_its_causes_too() -> None:
    failure = failure_of(raised(ValueError("a prompt"), raised(KeyError("a vendor's words"))))

    assert (failure.message, failure.application_failure_info.type) == ("Unexpected ValueError.", "ValueError")
    assert failure.cause.message == "Unexpected KeyError."


def test_an_unexpected_error_that_was_raised_from_none_has_no_cause() -> None:
    error = ValueError("a prompt")
    error.__context__, error.__suppress_context__ = KeyError("hidden"), True

    assert not failure_of(error).HasField("cause")
