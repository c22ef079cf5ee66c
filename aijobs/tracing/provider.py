"""The SDK's side: which traces are begun, what of a span leaves the process, and where it goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagators.textmap import CarrierT, Getter, default_getter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, Status
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import Attributes
from temporalio.contrib.opentelemetry import ReplaySafeTracerProvider, create_tracer_provider

from aijobs.tracing import spans
from aijobs.tracing.settings import TraceSettings

SEND_EVERY: Final = timedelta(seconds=1)
"""What a process has not sent when it is killed is lost."""

SEND_TIMEOUT: Final = timedelta(seconds=3)
MAX_WAITING: Final = 4096  #: spans; what comes beyond is dropped
MAX_VALUE: Final = 200  #: characters
TRACES_PATH: Final = "/v1/traces"

#: What begins traces besides requests: the start of an item of a batch.
ROOTS: Final = frozenset({"StartWorkflow:AiJob"})
WORKFLOW: Final = "RunWorkflow:"

#: The attributes that leave the process. Paths, addresses, agents and texts of errors are not among them.
TOLD: Final = frozenset(
    {spans.JOB, spans.MODEL, spans.PROVIDER, spans.STATUS, spans.NEWS, spans.ATTEMPT, spans.BYTES, spans.ERROR}
    | {spans.METHOD, spans.HTTP_STATUS, spans.WORK, "http.route", "temporalWorkflowID", "temporalRunID"}
)


class TraceparentOnly(TraceContextTextMapPropagator):
    """Takes the caller's place in a trace, and neither `tracestate` nor `baggage`, which are texts of their own."""

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        """See TextMapPropagator."""
        found = getter.get(carrier, "traceparent") or []
        return super().extract({"traceparent": list(found)}, context)


class BeginsWithRequests(Sampler):
    """Of what no caller has begun: a share of the requests; nothing of what workers do by themselves."""

    def __init__(self, ratio: float) -> None:
        self._share = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """See Sampler."""
        if name in ROOTS or spans.METHOD in (attributes or {}):
            return self._share.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        return SamplingResult(Decision.DROP)

    def get_description(self) -> str:
        return f"BeginsWithRequests{{{self._share.get_description()}}}"


@dataclass(frozen=True)
class CleanExporter(SpanExporter):
    """Lets out names, times and what TOLD names: no event and no message, since both may quote a prompt."""

    inside: SpanExporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        told = [_clean(span) for span in spans if _is_whole(span)]
        return self.inside.export(told) if told else SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.inside.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self.inside.force_flush(timeout_millis)


def provider_to(settings: TraceSettings, *, role: str, version: str) -> ReplaySafeTracerProvider:
    """Makes spans, also in workflows, whose replays make the same ones; sends them in the background."""
    resource = {"service.name": "aijobs", "service.version": version, "aijobs.role": role}
    provider = create_tracer_provider(
        sampler=ParentBased(BeginsWithRequests(settings.sample_ratio)),
        resource=Resource.create(resource),
        shutdown_on_exit=False,
        span_limits=SpanLimits(max_attribute_length=MAX_VALUE),
    )
    url = str(settings.endpoint).rstrip("/")
    exporter = OTLPSpanExporter(
        endpoint=url if url.endswith(TRACES_PATH) else url + TRACES_PATH, timeout=SEND_TIMEOUT.total_seconds()
    )
    provider.add_span_processor(
        BatchSpanProcessor(
            CleanExporter(exporter),
            max_queue_size=MAX_WAITING,
            schedule_delay_millis=SEND_EVERY.total_seconds() * 1000,
        )
    )
    return provider


def _is_whole(span: ReadableSpan) -> bool:
    """A workflow that a worker gives up goes on elsewhere, and its span with it."""
    return not span.name.startswith(WORKFLOW) or spans.IS_WHOLE in (span.attributes or {})


def _clean(span: ReadableSpan) -> ReadableSpan:
    attributes: dict[str, Any] = {name: value for name, value in (span.attributes or {}).items() if name in TOLD}
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
