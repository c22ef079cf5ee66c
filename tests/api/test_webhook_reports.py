"""Webhooks of a vendor that cannot be asked: what they tell is kept, under the token that was planted for its job."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.submissions import ProviderRequest, Unknown
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.access.first_key import ensure_first_key
from aijobs.providers.cog import CogSettings
from aijobs.providers.cog.adapter import prediction_id
from tests.api.conftest import NOBODY_THERE, opened_dependencies
from tests.api.installation import ApiUnderTest, opened_installation
from workflows.client import TemporalJobEngine

TOKEN = "planted-token"
ID = prediction_id(TOKEN)
URL = f"http://127.0.0.1:9/predictions/{ID}"
PICTURE = base64.b64encode(bytes(1_500_000)).decode()


@pytest.fixture
async def api(database_kind: str, tmp_path: Path) -> AsyncIterator[ApiUnderTest]:
    cog = CogSettings.model_validate({"token": "none", "base_url": "http://127.0.0.1:9"})
    engine = TemporalJobEngine(lambda: Client.connect(NOBODY_THERE))
    async with opened_dependencies(tmp_path, engine, cog=cog) as dependencies:
        key = await ensure_first_key(dependencies.database, dependencies.secret, tmp_path)
        async with opened_installation(dependencies, key) as installation:
            yield installation


@pytest.fixture
async def code(api: ApiUnderTest) -> str:
    """A job whose submission has an unknown outcome."""
    code = await api.job("ada")
    submissions = api.dependencies.records.submissions
    submission = await submissions.intend(code, provider="cog", token=TOKEN, request=ProviderRequest("PUT", URL, {}))
    await submissions.conclude(submission, Unknown("timeout"))
    return code


async def told(api: ApiUnderTest, *, token: str = TOKEN, **body: Any) -> httpx.Response:
    headers = {"Authorization": ""}
    return await api.http.post(f"/api/webhooks/cog/{token}", json={"id": ID, **body}, headers=headers)


async def test_what_is_told_is_there_for_the_next_question(api: ApiUnderTest, code: str) -> None:
    cog = api.dependencies.providers["cog"]
    first = await told(api, status="processing")
    last = await told(api, status="succeeded", output=f"data:image/png;base64,{PICTURE}")
    late = await told(api, status="processing")

    snapshot = await cog.query({"id": ID, "url": URL})
    (source,) = await cog.outputs({"id": ID}, snapshot)

    assert [answer.status_code for answer in (first, last, late)] == [200, 200, 200]
    assert snapshot.status is JobStatus.GENERATED
    assert source.content == bytes(1_500_000)
    assert (await api.http.get(f"/api/jobs/{code}")).json()["out_id"] == ID


async def test_only_the_token_of_a_job_may_tell_of_it(api: ApiUnderTest, code: str) -> None:
    nobody = await told(api, token="guessed", status="failed")
    another = await api.http.post(f"/api/webhooks/cog/{TOKEN}", json={"id": "another", "status": "failed"})
    nonsense = await api.http.post(f"/api/webhooks/cog/{TOKEN}", content=b"[]")
    endless = await api.http.post(f"/api/webhooks/cog/{TOKEN}", content=b" " * (32 * 1024 * 1024 + 1))

    assert [answer.status_code for answer in (nobody, another, nonsense, endless)] == [404, 401, 422, 413]
    with pytest.raises(ProviderUnavailable):  # nothing was told, and the server is asked
        await api.dependencies.providers["cog"].query({"id": ID, "url": URL})


async def test_it_is_forgotten_a_day_after_it_came_once_the_job_has_ended(api: ApiUnderTest, code: str) -> None:
    housekeeping = api.dependencies.records.housekeeping
    await told(api, status="failed", error="no such colour")

    while_it_runs = await housekeeping.forget_reports(older_than=timedelta(0))
    await api.push(code, JobStatus.FAILED)
    too_young = await housekeeping.forget_reports(older_than=timedelta(hours=1))
    on_hold = []
    for what in ({"job": code}, {"user": "ada"}):
        hold = (await api.http.post("/api/holds", json={**what, "reason": "Case 17"})).json()
        on_hold.append(await housekeeping.forget_reports(older_than=timedelta(0)))
        await api.http.delete(f"/api/holds/{hold['id']}")
    in_the_end = await housekeeping.forget_reports(older_than=timedelta(0))

    assert (while_it_runs, too_young, on_hold, in_the_end) == (0, 0, [0, 0], 1)
