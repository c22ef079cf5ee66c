"""Metrics: correct figures, bounded labels, no private data."""

import asyncio
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from sqlmodel import Session, col, update
from structlog.testing import capture_logs

from aijobs.domain.jobs.submissions import ProviderRequest, Unknown
from aijobs.domain.jobs.waiting import Wait, WaitFor
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.column_types import now
from aijobs.persistence.processes import ALIVE_FOR, see
from aijobs.persistence.tables import JobRow
from api.dependencies import ApiDependencies
from tests.api.installation import UPSCALE, ApiUnderTest, opened_installation
from tests.patience import PATIENCE
from tests.persistence.test_processes import grow_old, process_row

Samples = dict[tuple[str, str, str], float]

OF_THE_PROCESS = (
    "aijobs_database_reachable",
    "aijobs_processes",
    "aijobs_workers",
    "aijobs_http_",
    "aijobs_db_",
    "aijobs_webhook",
    "aijobs_temporal_",
    "aijobs_rate_limited",
    "aijobs_streams_cut",
    "aijobs_points_charged",
    "aijobs_cost",
)

ON_THE_WAY = (JobStatus.SUBMITTED, JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.GENERATED, JobStatus.MIGRATING)


async def scraped(api: ApiUnderTest) -> Samples:
    """Of the whole installation: by name, model and status."""
    answer = await api.http.get("/metrics", headers={"Authorization": ""})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, sample.labels.get("model", ""), sample.labels.get("status", "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if not family.name.startswith(OF_THE_PROCESS)
    }


async def test_before_the_first_job_everything_is_nothing(api: ApiUnderTest) -> None:
    assert await scraped(api) == {
        ("aijobs_points_held", "", ""): 0,
        ("aijobs_unknown_submissions", "", ""): 0,
        ("aijobs_stream_readers", "", ""): 0,
    }


async def test_jobs_are_counted_by_model_and_status(api: ApiUnderTest) -> None:
    codes = [await api.job("ada") for _ in range(4)]
    await api.push(codes[0], *ON_THE_WAY, JobStatus.SUCCESS)
    await api.push(codes[1], JobStatus.FAILED)
    await api.push(codes[2], JobStatus.SUBMITTED)

    assert await scraped(api) == {
        ("aijobs_jobs_total", UPSCALE, "SUCCESS"): 1,
        ("aijobs_jobs_total", UPSCALE, "FAILED"): 1,
        ("aijobs_jobs_total", UPSCALE, "TIMEOUT"): 0,
        ("aijobs_jobs_total", UPSCALE, "CANCELED"): 0,
        ("aijobs_jobs_in_flight", UPSCALE, "SUBMITTED"): 1,
        ("aijobs_jobs_in_flight", UPSCALE, "DRAFT"): 1,
        ("aijobs_points_held", "", ""): 0,
        ("aijobs_unknown_submissions", "", ""): 0,
        ("aijobs_stream_readers", "", ""): 0,
    }


async def test_a_lost_submission_and_its_points_are_counted_until_they_are_decided(api: ApiUnderTest, key: str) -> None:
    code = await api.job("ada")
    submissions = api.dependencies.records.submissions
    request = ProviderRequest("POST", "https://a.example", {})
    sent = await submissions.intend(code, provider="replicate", token="sub_1", request=request)
    await submissions.conclude(sent, Unknown("no answer came back"))
    lost = await scraped(api)
    await api.dependencies.records.gate.advance(code, JobStatus.TIMEOUT, provider_may_charge=True)
    async with opened_installation(api.dependencies, key) as again:
        held = await scraped(again)
    decided = await api.http.post(f"/api/jobs/{code}/resolve", json={"decision": "refund", "why": "No trace."})
    assert decided.status_code == 200, decided.text
    async with opened_installation(api.dependencies, key) as again:
        closed = await scraped(again)

    figures = [
        (found["aijobs_unknown_submissions", "", ""], found["aijobs_points_held", "", ""])
        for found in (lost, held, closed)
    ]
    assert figures == [(1, 0), (1, 2), (0, 0)]


async def test_what_jobs_wait_for_is_counted_while_they_run(api: ApiUnderTest) -> None:
    codes = [await api.job("ada") for _ in range(3)]
    wait = Wait(kind=WaitFor.PROVIDER_SLOT, since=now()).stored()

    def work(session: Session) -> None:
        session.exec(update(JobRow).where(col(JobRow.code).in_(codes)).values(waiting=wait))

    await api.dependencies.database.write(work)
    await api.push(codes[0], JobStatus.FAILED)

    assert await samples(api, "aijobs_waiting", "for") == {("provider_slot",): 2}


async def test_readers_of_streams_are_counted(api: ApiUnderTest) -> None:
    code = await api.job("ada")
    async with api.http.stream("GET", f"/api/jobs/{code}/events"):
        async with asyncio.timeout(PATIENCE):
            while (await scraped(api))["aijobs_stream_readers", "", ""] != 1:
                await asyncio.sleep(0.05)
    async with asyncio.timeout(PATIENCE):
        while (await scraped(api))["aijobs_stream_readers", "", ""] != 0:
            await asyncio.sleep(0.05)


def set_model(session: Session, code: str, model_id: str) -> None:
    session.connection().execute(
        text("UPDATE job SET model_id = :model WHERE code = :code").bindparams(model=model_id, code=code)
    )


@pytest.mark.parametrize("models", [1, 30])
async def test_models_that_are_gone_share_a_label_and_nobody_is_named(
    dependencies: ApiDependencies, key: str, models: int
) -> None:
    async with opened_installation(dependencies, key) as api:
        for number in range(models):
            code = await api.job(f"user-{number}", metadata={"words": "s3cret"})

            await dependencies.database.write(set_model, code, f"m{number}")
        answer = await api.http.get("/metrics")

    assert f'aijobs_jobs_in_flight{{model="other",status="DRAFT"}} {models}.0' in answer.text
    for private in ("user-", "s3cret", "m0", key):
        assert private not in answer.text


async def test_scraping_often_reads_once(dependencies: ApiDependencies, key: str) -> None:
    async with opened_installation(replace(dependencies), key) as api:
        before = await scraped(api)
        await api.job("ada")
        after = await asyncio.gather(*(scraped(api) for _ in range(20)))

    assert all(found == before for found in after)


async def samples(api: ApiUnderTest, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """The samples of this name, by these labels."""
    answer = await api.http.get("/metrics")
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == name
    }


async def test_requests_are_measured_by_route_and_never_by_path(api: ApiUnderTest) -> None:
    code = await api.job("ada")
    await api.http.get(f"/api/jobs/{code}")
    await api.http.get("/api/jobs/job_0")
    await api.http.get("/no/such/s3cret")
    await api.http.request("PROPFIND", "/no/such/s3cret")
    counted = await samples(api, "aijobs_http_request_seconds_count", "method", "route", "status")

    assert counted["POST", "/api/jobs", "2xx"] == 1
    assert counted["GET", "/api/jobs/{code}", "2xx"] == counted["GET", "/api/jobs/{code}", "4xx"] == 1
    assert counted["GET", "unknown", "4xx"] == counted["other", "unknown", "4xx"] == 1


async def test_workers_are_counted_by_queue_and_processes_by_how_they_are(api: ApiUnderTest) -> None:
    database = api.dependencies.database
    for name in ("w1", "w2"):
        await database.write(see, process_row(name, "a", "b"))
    await database.write(see, process_row("w3", "b"))
    for name in ("w2", "w3"):
        await database.write(grow_old, name, ALIVE_FOR.total_seconds() + 1)

    assert await samples(api, "aijobs_workers", "queue") == {("a",): 1, ("b",): 1}
    assert await samples(api, "aijobs_processes", "role", "state") == {("worker", "alive"): 1, ("worker", "lost"): 2}


async def test_work_on_the_database_is_measured_by_its_name(api: ApiUnderTest) -> None:
    await api.job("ada")

    counted = await samples(api, "aijobs_db_seconds_count", "statement")
    assert counted["idempotency.run_idempotently",] == 1


async def test_webhooks_are_counted_by_what_came_of_them(api: ApiUnderTest) -> None:
    refused = await api.http.post("/api/webhooks/replicate/s3cret-token", json={})

    assert refused.status_code in {401, 404}
    assert await samples(api, "aijobs_webhooks_total", "direction", "result") == {("in", "refused"): 1}


async def test_a_request_is_one_line_in_the_log_without_path_query_or_key(api: ApiUnderTest, key: str) -> None:
    code = await api.job("ada")
    with capture_logs() as lines:
        answer = await api.http.get(f"/api/jobs/{code}", params={"lang": "s3cret"})
        await api.http.post("/api/webhooks/replicate/s3cret-token", json={})
        await api.http.get("/healthz")
    first, second = (line for line in lines if line["event"] == "request")

    assert first.pop("ms") >= 0
    assert first == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "/api/jobs/{code}",
        "status": answer.status_code,
        "request": answer.headers["X-Request-Id"],
        "key": key.split("_")[2],
        "job": code,
    }
    assert second["route"] == "/api/webhooks/{provider}/{token}"
    assert "s3cret" not in str(lines)
