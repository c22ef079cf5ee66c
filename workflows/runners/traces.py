"""The part of workflows and activities in traces: Temporal's own interceptor makes the spans, and this names the job.

The trace goes on in headers of what is in the history anyway: no event is added. Without traces nothing is intercepted.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry import trace
from temporalio import activity, client, workflow
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from aijobs.domain.jobs.job import JobBrief, JobState
from aijobs.domain.jobs.polling import NO_NEWS, NOT_DUE
from aijobs.tracing import spans

JOB_CODE: Final = "job_"


def trace_interceptors() -> Sequence[client.Interceptor]:
    """Of a client and its workers. None where no traces are kept, and nothing is loaded."""
    if not spans.is_on():
        return ()
    from temporalio.contrib.opentelemetry import OpenTelemetryInterceptor  # loads the SDK of OpenTelemetry

    return (OpenTelemetryInterceptor(add_temporal_spans=True),)


class JobSpans(Interceptor):
    """Says in the spans of workflows and activities which job it was, and how it went; of errors, their codes."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _ActivitySpans(next) if spans.is_on() else next

    def workflow_interceptor_class(
        self, _input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        return _WorkflowSpans if spans.is_on() else None


class _ActivitySpans(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        span, info = trace.get_current_span(), activity.info()
        span.set_attribute(spans.ATTEMPT, info.attempt)
        _name_job(span, info.workflow_id or "", input.args)
        try:
            return await super().execute_activity(input)
        except ApplicationError as error:
            if error.type in {NO_NEWS, NOT_DUE}:
                span.set_attribute(spans.NEWS, "no")
            else:
                span.set_attribute(spans.ERROR, error.type or type(error).__name__)
                span.set_status(trace.StatusCode.ERROR)
            raise


class _WorkflowSpans(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        span = trace.get_current_span()
        _name_job(span, workflow.info().workflow_id, input.args)
        with _whole(span):
            result = await super().execute_workflow(input)
            _tell_end(span, result)
            return result


@contextmanager
def _whole(span: trace.Span) -> Iterator[None]:
    """Tell a workflow's own end from the loss of its worker's cache, which cancels its tasks too."""
    try:
        yield
    except asyncio.CancelledError:
        if workflow.cancellation_reason() is None:
            raise
        span.set_attribute(spans.STATUS, "CANCELED")
        span.set_attribute(spans.IS_WHOLE, "yes")
        raise
    except Exception as ended:
        if isinstance(ended, ApplicationError):
            span.set_attribute(spans.ERROR, ended.type or type(ended).__name__)
            for detail in ended.details:
                _tell_end(span, detail)
        span.set_attribute(spans.IS_WHOLE, "yes")
        raise
    span.set_attribute(spans.IS_WHOLE, "yes")


def _tell_end(span: trace.Span, result: object) -> None:
    if isinstance(result, JobState):
        span.set_attribute(spans.STATUS, result.job_status_name)
        if result.error is not None:
            span.set_attribute(spans.ERROR, result.error.code)


def _name_job(span: trace.Span, workflow_id: str, args: Sequence[Any]) -> None:
    if workflow_id.startswith(JOB_CODE):
        span.set_attribute(spans.JOB, workflow_id)
    given = args[0] if args else None
    brief = given if isinstance(given, JobBrief) else getattr(given, "brief", None)
    if isinstance(brief, JobBrief):
        span.set_attribute(spans.MODEL, brief.model_id)
        span.set_attribute(spans.PROVIDER, brief.provider)
