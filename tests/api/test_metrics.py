"""Metrics: correct figures, bounded labels, no private data."""

import asyncio
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from sqlmodel import Session

from aijobs.domain.jobs.submissions import ProviderRequest, Unknown
from aijobs.domain.lifecycle import JobStatus
from api.dependencies import ApiDependencies
from tests.api.installation import UPSCALE, ApiUnderTest, opened_installation

Samples = dict[tuple[str, str, str], float]

ON_THE_WAY = (JobStatus.SUBMITTED, JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.GENERATED, JobStatus.MIGRATING)


async def scraped(api: ApiUnderTest) -> Samples:
    """By name, model and status."""
    answer = await api.http.get("/metrics", headers={"Authorization": ""})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, sample.labels.get("model", ""), sample.labels.get("status", "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
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


async def test_readers_of_streams_are_counted(api: ApiUnderTest) -> None:
    code = await api.job("ada")
    async with api.http.stream("GET", f"/api/jobs/{code}/events"):
        async with asyncio.timeout(5):
            while (await scraped(api))["aijobs_stream_readers", "", ""] != 1:
                await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
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
