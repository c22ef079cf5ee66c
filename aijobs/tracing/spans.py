"""What the rest of the code says to traces. Without an endpoint nothing of it does anything.

Where a trace goes on later, or in another process, its W3C `traceparent` is kept: with the job, and in the headers of
workflows and activities. Vendors do not get it. It would tell third parties which of their requests belong together,
and which of our callers' do, and nobody here could see what they made of it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

#: The attributes of our spans. Others do not leave the process: see aijobs/tracing/provider.py.
JOB: Final = "aijobs.job"  #: its code
MODEL: Final = "aijobs.model"
PROVIDER: Final = "aijobs.provider"
STATUS: Final = "aijobs.status"  #: of a job, at its end
NEWS: Final = "aijobs.news"  #: what a poll brought: yes, or no
ATTEMPT: Final = "aijobs.attempt"  #: of an activity
BYTES: Final = "aijobs.bytes"
ERROR: Final = "error.type"  #: a code or the name of a class, never a text
METHOD: Final = "http.request.method"
HTTP_STATUS: Final = "http.response.status_code"
WORK: Final = "db.operation.name"

#: Of a workflow's span, and not told: it was not cut short by the loss of its worker's cache.
IS_WHOLE: Final = "aijobs.is_whole"

_PROPAGATOR: Final = TraceContextTextMapPropagator()
_TRACER: Final = trace.get_tracer("aijobs")


def is_on() -> bool:
    """Whether this process keeps traces."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def current_traceparent() -> str | None:
    """The place in the current trace, to go on from later; None outside of all traces."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


def current_trace_id() -> str | None:
    """The trace that is kept of what is done now."""
    found = trace.get_current_span().get_span_context()
    return trace.format_trace_id(found.trace_id) if found.is_valid and found.trace_flags.sampled else None


@contextmanager
def continued(traceparent: str | None) -> Iterator[None]:
    """Go on in this trace, or in none, until the block ends, wherever the caller is."""
    if not is_on():
        yield
        return
    carrier = {"traceparent": traceparent} if traceparent else {}
    token = context.attach(_PROPAGATOR.extract(carrier, context=context.Context()))
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def client_span(name: str, **attributes: str) -> Iterator[Span]:
    """A call to somebody else within the current trace; of a failure it tells the class alone."""
    if not trace.get_current_span().is_recording():
        yield trace.INVALID_SPAN
        return
    with _TRACER.start_as_current_span(
        name, kind=SpanKind.CLIENT, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except BaseException as failed:
            span.set_attribute(ERROR, type(failed).__name__)
            span.set_status(trace.StatusCode.ERROR)
            raise


def record_work(name: str, seconds: float) -> None:
    """A piece of work on the database that has just ended."""
    if trace.get_current_span().is_recording():
        began = time.time_ns() - int(seconds * 1e9)
        _TRACER.start_span(f"db {name}", kind=SpanKind.CLIENT, attributes={WORK: name}, start_time=began).end()
