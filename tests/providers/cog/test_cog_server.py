"""The provider on a real cog server: what it promises, and what nobody else's server does."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from aijobs.domain.errors import BadInput, ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.jobs.submissions import Accepted, CancelOutcome, Rejected
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import ModelSource
from aijobs.providers.cog import CogSettings
from tests.patience import PATIENCE, http_client
from tests.providers.cog.server import needs_cog, running_cog
from tests.providers.open_provider import OpenProvider, added_model, opened_provider

pytestmark = needs_cog


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with running_cog(tmp_path_factory.mktemp("cog")) as url:
        yield url


@pytest.fixture
async def cog(server: str) -> AsyncIterator[OpenProvider]:
    await idle(server)
    async with opened_provider("cog", settings_for(server)) as (provider, desk):
        yield OpenProvider(provider, await added_model("cog", provider, "painter"), {"prompt": "a lighthouse"}, desk)


def settings_for(url: str) -> CogSettings:
    return CogSettings.model_validate({"token": "none", "base_url": url})


async def idle(url: str) -> None:
    async with http_client() as http, asyncio.timeout(PATIENCE):
        while (await http.get(f"{url}/health-check")).json()["status"] != "READY":
            await asyncio.sleep(0.02)


async def test_a_picture_comes_by_the_webhook(cog: OpenProvider) -> None:
    ref, last = await cog.finished(prompt="a lighthouse", width=96)

    (source,) = await cog.provider.outputs(ref, last)

    assert (last.status, source.kind) == (JobStatus.GENERATED, OutputKind.IMAGE)
    content = source.content or b""
    assert last.raw["output"] == f"data:image/png;base64, {len(base64.b64encode(content)) + 22} characters"
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.size == (96, 96)


async def test_its_model_is_added_with_its_parameters(cog: OpenProvider) -> None:
    parameters = cog.provider.parameters(cog.model).model_json_schema()["properties"]

    assert (parameters["width"]["minimum"], parameters["width"]["maximum"]) == (16, 512)
    assert isinstance(cog.provider, ModelSource)
    with pytest.raises(BadInput, match="name of letters"):
        await cog.provider.describe("../secrets")


async def test_what_is_wrong_is_told_by_its_place(cog: OpenProvider) -> None:
    outcome = await cog.submit(cog.submission(width=5))

    assert isinstance(outcome, Rejected)
    assert "input.width: 5 is less than the minimum of 16" in outcome.message


async def test_a_failure_says_why(cog: OpenProvider) -> None:
    _, last = await cog.finished(prompt="fail")

    assert last.status is JobStatus.FAILED
    assert last.error is not None
    assert "no such colour" in last.error.message


async def test_a_busy_server_takes_it_later_and_a_cancel_makes_room(cog: OpenProvider, server: str) -> None:
    ref = await cog.started(prompt="long", seconds=30)

    second = await cog.submit(cog.submission(prompt="short"))
    first_answer = await cog.provider.cancel(ref)
    while await cog.provider.cancel(ref) is CancelOutcome.REQUESTED:  # in its first moments it hears none
        await asyncio.sleep(0.05)
    last = (await cog.watched(ref))[-1]

    assert isinstance(second, Rejected)
    assert (second.may_retry, "capacity" in second.message) == (True, True)
    assert (first_answer, last.status) == (CancelOutcome.REQUESTED, JobStatus.CANCELED)
    assert await cog.provider.cancel(ref) is CancelOutcome.CANCELED
    await idle(server)
    third = await cog.submit(cog.submission(prompt="short"))
    assert isinstance(third, Accepted)
    assert (await cog.watched(third.ref))[-1].status is JobStatus.GENERATED  # so that no webhook comes after the test


async def test_a_cancel_after_the_end_is_too_late(cog: OpenProvider) -> None:
    ref, _ = await cog.finished()

    assert await cog.provider.cancel(ref) is CancelOutcome.TOO_LATE


async def test_the_same_request_runs_once_more_after_its_end(cog: OpenProvider) -> None:
    """Why an unknown submission is not sent again, though the server knows its id while it runs."""
    submission = cog.submission(prompt="twice")
    assert cog.desk is not None
    for _ in range(2):
        outcome = await cog.submit(submission)
        assert isinstance(outcome, Accepted)
        assert (await cog.watched(outcome.ref))[-1].status is JobStatus.GENERATED
        assert cog.desk.reports.pop(outcome.ref["id"]).final


async def test_what_is_told_by_another_token_is_not_believed(cog: OpenProvider) -> None:
    one, other = cog.submission(), cog.submission()
    assert cog.desk is not None
    hook = httpx.URL(one.request.body["webhook"])
    forged = {"id": other.request.url.rpartition("/")[2], "status": "failed"}

    async with http_client() as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.post(hook, json=forged)

    assert cog.desk.reports == {}


async def test_without_a_public_url_nothing_is_sent(cog: OpenProvider) -> None:
    with pytest.raises(ProviderFailed, match="AIJOBS_PUBLIC_URL"):
        replace(cog, desk=None).submission()


async def test_what_a_restart_has_wiped_out_is_lost_for_good(tmp_path: Path, cog: OpenProvider) -> None:
    async with running_cog(tmp_path) as url, opened_provider("cog", settings_for(url)) as (provider, desk):
        there = replace(cog, provider=provider, desk=desk)
        ref = await there.started(prompt="long", seconds=30)
        earlier = {**ref, "since": "2026-01-01T00:00:00+00:00"}  # of long ago: clocks may differ by some seconds
        unsure = await there.provider.query(ref)
    async with opened_provider("cog", settings_for(url)) as (provider, desk):
        there = replace(cog, provider=provider, desk=desk)
        with pytest.raises(ProviderUnavailable):
            await there.provider.query(earlier)
        async with running_cog(tmp_path, port=urlsplit(url).port):
            last = await there.provider.query(earlier)
            young = await there.provider.query(await there.started(prompt="short", seconds=1))

    assert not unsure.final
    assert (last.status, last.final, last.raw_status) == (JobStatus.FAILED, True, "lost")
    assert not young.final
