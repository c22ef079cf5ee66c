"""A job's way is one trace, from the caller's request to the object in the store, whatever is killed."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from fastapi import FastAPI, Request, Response
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.adapters.storage.site import served
from tests.stories.stack import MIDJOURNEY, PHOTO, StoryStack, running_stack

CALLER: Final = "aaaabbbbccccdddd"
SAMPLED: Final = "01"


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as a collector gets it, with its ids in hexadecimal."""

    trace: str
    id: str
    parent: str
    name: str
    role: str
    start: int
    end: int
    failed: bool
    attributes: dict[str, Any]


@dataclass
class Collector:
    """Takes OTLP over HTTP, and keeps everything."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)

    def spans(self, trace: str | None = None) -> list[ReceivedSpan]:
        found = [span for body in self.bodies for span in spans_in(ExportTraceServiceRequest.FromString(body))]
        return [span for span in found if trace in {None, span.trace}]

    async def has(self, trace: str, name: str) -> None:
        """Wait for a span."""
        async with asyncio.timeout(60):
            while not named(self.spans(trace), name):
                await asyncio.sleep(0.1)

    async def ended(self, trace: str) -> list[ReceivedSpan]:
        """All spans of a job's trace, once its workflow has told its own."""
        await self.has(trace, "RunWorkflow:AiJob")
        await asyncio.sleep(1.5)  # what other processes have not sent yet
        return self.spans(trace)


def spans_in(request: ExportTraceServiceRequest) -> Iterable[ReceivedSpan]:
    for resource in request.resource_spans:
        role = next(one.value.string_value for one in resource.resource.attributes if one.key == "aijobs.role")
        for scope in resource.scope_spans:
            for span in scope.spans:
                assert not span.events
                assert not span.status.message
                yield ReceivedSpan(
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    name=span.name,
                    role=role,
                    start=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                    attributes={
                        one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes
                    },
                )


def named(spans: Iterable[ReceivedSpan], name: str) -> list[ReceivedSpan]:
    return [span for span in spans if span.name == name]


def lineage(spans: list[ReceivedSpan], name: str) -> list[str]:
    """The names from a span of this name up to the caller's, which is not among them."""
    by_id, span = {span.id: span for span in spans}, named(spans, name)[0]
    names = [span.name]
    while span.parent != CALLER:
        span = by_id[span.parent]
        names.append(span.name)
    return names


def traceparent(trace: str, flags: str = SAMPLED) -> str:
    return f"00-{trace}-{CALLER}-{flags}"


@pytest.fixture(scope="module")
async def collector() -> AsyncIterator[Collector]:
    collector, app = Collector(), FastAPI()

    @app.post("/v1/traces")
    async def take(request: Request) -> Response:
        assert request.headers["Content-Type"] == "application/x-protobuf"
        collector.bodies.append(await request.body())
        return Response(status_code=200, media_type="application/x-protobuf")

    async with served(app) as collector.url:
        yield collector


@pytest.fixture(scope="module")
async def traced_stack(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> AsyncIterator[StoryStack]:
    settings = {"AIJOBS_TRACES__ENDPOINT": collector.url, "AIJOBS_TRACES__SAMPLE_RATIO": "0"}
    async with running_stack(tmp_path_factory.mktemp("traced"), settings=settings) as stack:
        yield stack


@pytest.fixture
def stack(traced_stack: StoryStack) -> StoryStack:
    traced_stack.sandbox.behave()
    return traced_stack


async def submit(stack: StoryStack, trace: str, **headers: str) -> str:
    image = await stack.upload(PHOTO.read_bytes())
    body = {"model_id": "replicate_imageupscale_v1", "params": {"image": image}, "user_id": "ada"}
    response = await stack.api.post("/api/jobs", json=body, headers={"traceparent": traceparent(trace), **headers})
    assert response.status_code == 202, response.text
    code: str = response.json()["code"]
    return code


async def test_one_trace_leads_from_the_caller_to_the_store(stack: StoryStack, collector: Collector) -> None:
    trace = "1" * 32

    code = await submit(stack, trace)
    assert (await stack.statuses(code))[-1] == "SUCCESS"
    spans = await collector.ended(trace)

    request = ["StartWorkflow:AiJob", "POST /api/jobs"]
    workflow = ["RunWorkflow:AiJob", *request]
    assert lineage(spans, "db idempotency.run_idempotently")[1:] == ["POST /api/jobs"]
    assert lineage(spans, "RunWorkflow:AiJob") == workflow
    assert lineage(spans, "POST Replicate") == [
        "POST Replicate",
        "RunActivity:submit",
        "StartActivity:submit",
        *workflow,
    ]
    assert lineage(spans, "GET Replicate")[1:] == ["RunActivity:watch", "StartActivity:watch", *workflow]
    assert lineage(spans, "store put") == ["store put", "RunActivity:migrate", "StartActivity:migrate", *workflow]
    [whole] = named(spans, "RunWorkflow:AiJob")
    assert whole.attributes["aijobs.job"] == code
    assert whole.attributes["aijobs.status"] == "SUCCESS"
    assert whole.attributes["aijobs.model"] == "replicate_imageupscale_v1"
    *_uploads, submitted = sorted(named(spans, "POST Replicate"), key=lambda span: span.start)
    assert submitted.attributes["http.response.status_code"] == 201
    assert whole.start <= submitted.start <= submitted.end <= whole.end
    assert named(spans, "store put")[0].attributes["aijobs.bytes"] > 0
    assert {span.role for span in spans} == {"api", "worker"}


@pytest.mark.parametrize("end", ["killed", "stopped"])
async def test_a_job_whose_worker_has_gone_keeps_its_trace(stack: StoryStack, collector: Collector, end: str) -> None:
    trace = ("2" if end == "killed" else "3") * 32
    stack.sandbox.misbehave("work_seconds", arg="5")
    code = await submit(stack, trace)
    await collector.has(trace, "RunActivity:submit")

    await (stack.kill("worker") if end == "killed" else stack.processes["worker"].stop())
    await stack.start("worker")

    assert (await stack.statuses(code))[-1] == "SUCCESS"
    spans = await collector.ended(trace)
    [whole] = named(spans, "RunWorkflow:AiJob")
    by_id = {span.id: span for span in spans}
    assert lineage(spans, "store put")[3] == "RunWorkflow:AiJob"
    assert named(spans, "RunActivity:submit")[0].start >= whole.start, "its span begins where the workflow began"
    moved = by_id[by_id[named(spans, "store put")[0].parent].parent]
    assert moved.parent == whole.id, "the second worker goes on in the first one's span"


async def test_a_failure_is_told_by_its_code_and_nobody_by_name(stack: StoryStack, collector: Collector) -> None:
    trace, prompt = "4" * 32, "a secret lighthouse for grandmother"
    stack.sandbox.misbehave("failed", arg=prompt)
    body = {"model_id": MIDJOURNEY, "params": {"prompt": prompt}, "user_id": "grace@example.com"}

    response = await stack.api.post(
        "/api/jobs",
        json=body,
        headers={"traceparent": traceparent(trace), "tracestate": "vendor=hopper", "baggage": "who=hopper"},
    )
    assert (await stack.statuses(response.json()["code"], user="grace@example.com"))[-1] == "FAILED"
    spans = await collector.ended(trace)

    [whole] = named(spans, "RunWorkflow:AiJob")
    assert whole.attributes["aijobs.status"] == "FAILED"
    assert whole.attributes["error.type"] == "provider_failed"
    sent = b"".join(collector.bodies)
    key = stack.api.headers["Authorization"].partition(" ")[2]
    for private in (
        prompt,
        "lighthouse",
        "grace",
        "hopper",
        key,
        "tt_story",
        "r8_story",
        stack.sandbox.url,
        "127.0.0.1",
    ):
        assert private.encode() not in sent, private
    history = str(await (await stack.temporal_client()).get_workflow_handle(response.json()["code"]).fetch_history())
    assert trace in history
    assert "hopper" not in history


async def test_a_vendor_does_not_hear_of_the_trace(stack: StoryStack) -> None:
    assert stack.sandbox.ledger()
    assert not [call for call in stack.sandbox.ledger() if "traceparent" in str(call).lower()]


async def test_who_does_not_want_a_trace_has_none(stack: StoryStack, collector: Collector) -> None:
    wanted, unwanted = "5" * 32, "6" * 32
    image = await stack.upload(PHOTO.read_bytes())
    body = {"model_id": "replicate_imageupscale_v1", "params": {"image": image}, "user_id": "ada"}

    refused = await stack.api.post("/api/jobs", json=body, headers={"traceparent": traceparent(unwanted, "00")})
    untold = await stack.api.post("/api/jobs", json=body, headers={"traceparent": "nonsense"})
    told = await submit(stack, wanted)
    for code in (refused.json()["code"], untold.json()["code"], told):
        assert (await stack.statuses(code))[-1] == "SUCCESS"
    await collector.ended(wanted)

    jobs = {span.attributes["aijobs.job"] for span in collector.spans() if "aijobs.job" in span.attributes}
    assert told in jobs
    assert not jobs & {refused.json()["code"], untold.json()["code"]}


async def test_latencies_name_traces_for_who_reads_openmetrics(stack: StoryStack) -> None:
    trace = "8" * 32
    await submit(stack, trace)

    plain = await stack.api.get("/metrics")
    figures = await stack.api.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert trace not in plain.text
    assert figures.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    parsed = text_string_to_metric_families(figures.text)  # type: ignore[no-untyped-call]
    families = {family.name: family for family in parsed}
    named = {
        (family, sample.labels.get("route", ""))
        for family in ("aijobs_http_request_seconds", "aijobs_db_seconds")
        for sample in families[family].samples
        if sample.exemplar and sample.exemplar.labels == {"trace_id": trace}
    }
    assert named == {("aijobs_http_request_seconds", "/api/jobs"), ("aijobs_db_seconds", "")}


async def test_a_collector_that_is_away_costs_its_spans_alone(tmp_path: Path) -> None:
    settings = {"AIJOBS_TRACES__ENDPOINT": "http://127.0.0.1:9"}
    async with running_stack(tmp_path, settings=settings) as stack:
        code = await stack.submit()
        assert (await stack.statuses(code))[-1] == "SUCCESS"

        await stack.processes["worker"].stop()
        assert await stack.processes["worker"].ended() == 0
