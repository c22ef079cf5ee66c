"""Incoming webhooks: only with the provider's signature and our token, and each once."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook
from temporalio.client import Client

from aijobs.domain.jobs.submissions import Accepted, ProviderRequest, Rejected, Unknown
from aijobs.persistence.webhooks.inbound import submission_with
from tests.api.conftest import started_run
from tests.api.installation import WEBHOOK_SECRET, ApiUnderTest
from tests.api.test_metrics import samples

TOKEN = "planted-token"
PREDICTION = {
    "id": "p1",
    "status": "processing",
    "urls": {"get": "https://api.replicate.com/v1/predictions/p1", "cancel": "https://api.replicate.com/v1/x/cancel"},
}


async def delivered(
    api: ApiUnderTest,
    *,
    token: str = TOKEN,
    delivery: str = "msg_1",
    secret: str = WEBHOOK_SECRET,
    body: Any = PREDICTION,
) -> httpx.Response:
    content, sent_at = json.dumps(body), datetime.now(UTC)
    headers = {
        "webhook-id": delivery,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(secret).sign(delivery, sent_at, content),
        "Content-Type": "application/json",
        "Authorization": "",
    }
    return await api.http.post(f"/api/webhooks/replicate/{token}", content=content, headers=headers)


@pytest.fixture
async def code(api: ApiUnderTest, temporal: Client) -> str:
    """A job that runs, with a submission whose outcome is unknown."""
    code = await api.job("ada")
    await started_run(temporal, code)
    request = ProviderRequest("POST", "https://api.replicate.com/v1/predictions", {})
    submission = await api.dependencies.records.submissions.intend(
        code, provider="replicate", token=TOKEN, request=request
    )
    await api.dependencies.records.submissions.conclude(submission, Unknown("timeout"))
    return code


async def signals(temporal: Client, code: str) -> int:
    history = await temporal.get_workflow_handle(code).fetch_history()
    return sum(event.HasField("workflow_execution_signaled_event_attributes") for event in history.events)


async def test_a_webhook_resolves_what_was_unknown_and_wakes_the_job(
    api: ApiUnderTest, temporal: Client, code: str
) -> None:
    answer = await delivered(api)

    assert (answer.status_code, answer.json()) == (200, {"received": True})
    submission = await api.dependencies.database.read(submission_with, provider="replicate", token=TOKEN)
    assert submission.ref is not None
    assert submission.ref["id"] == "p1"
    assert (await api.http.get(f"/api/jobs/{code}")).json()["out_id"] == "p1"
    assert await signals(temporal, code) == 1


async def test_the_lag_of_a_webhook_is_measured_when_its_job_is_told(api: ApiUnderTest, code: str) -> None:
    for delivery in ("msg_1", "msg_1", "msg_2"):
        assert (await delivered(api, delivery=delivery)).status_code == 200
    await delivered(api, delivery="msg_3", secret="whsec_Zm9yZ2VkIGZvcmdlZCBmb3JnZWQgZm9yZ2Vk")

    assert await samples(api, "aijobs_webhook_lag_seconds_count", "direction") == {("in",): 2}


async def test_the_same_delivery_again_wakes_nobody(api: ApiUnderTest, temporal: Client, code: str) -> None:
    assert [(await delivered(api)).status_code for _ in range(3)] == [200, 200, 200]
    await delivered(api, delivery="msg_2")

    assert await signals(temporal, code) == 2


async def test_a_forged_one_is_refused(api: ApiUnderTest, temporal: Client, code: str) -> None:
    forged = await delivered(api, secret="whsec_Zm9yZ2VkIGZvcmdlZCBmb3JnZWQgZm9yZ2Vk")
    unsigned = await api.http.post(f"/api/webhooks/replicate/{TOKEN}", json=PREDICTION)

    assert (forged.status_code, unsigned.status_code) == (401, 401)
    assert await signals(temporal, code) == 0


async def test_a_token_that_we_did_not_plant_is_not_there(api: ApiUnderTest, code: str) -> None:
    for token in ("other", "x" * 3000, "%00"):
        assert (await delivered(api, token=token)).status_code == 404
    assert (await api.http.post(f"/api/webhooks/nobody/{TOKEN}")).status_code == 404


async def test_one_that_makes_no_sense_is_refused(api: ApiUnderTest, code: str) -> None:
    assert (await delivered(api, body=["what"])).status_code == 422


async def test_an_endless_one_is_refused(api: ApiUnderTest, code: str) -> None:
    answer = await api.http.post(f"/api/webhooks/replicate/{TOKEN}", content=b" " * 1024 * 1025)

    assert answer.status_code == 413


async def test_one_that_comes_after_the_end_is_taken(api: ApiUnderTest, temporal: Client, code: str) -> None:
    await temporal.get_workflow_handle(code).terminate()

    assert (await delivered(api)).status_code == 200


async def test_one_that_comes_while_temporal_is_down_is_taken(without_temporal: ApiUnderTest) -> None:
    code = await without_temporal.job("ada")
    request = ProviderRequest("POST", "https://api.replicate.com/v1/predictions", {})
    await without_temporal.dependencies.records.submissions.intend(
        code, provider="replicate", token=TOKEN, request=request
    )

    assert (await delivered(without_temporal)).status_code == 200
    assert (await without_temporal.http.get(f"/api/jobs/{code}")).json()["out_id"] == "p1"


async def test_one_about_a_job_of_another_is_refused(api: ApiUnderTest, temporal: Client, code: str) -> None:
    """Genuine, and at an address of ours that is for something else."""
    records, database = api.dependencies.records, api.dependencies.database
    other = await api.job("bob")
    request = ProviderRequest("POST", "https://api.replicate.com/v1/predictions", {})
    sent = await records.submissions.intend(other, provider="replicate", token="token-2", request=request)
    await records.submissions.conclude(sent, Accepted({"id": "p2"}))

    at_unknown = await delivered(api, body=PREDICTION | {"id": "p2"})
    at_accepted = await delivered(api, token="token-2")

    for refused in (at_unknown, at_accepted):
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_input")
        assert "about another job" in refused.json()["detail"]
    assert await signals(temporal, code) == 0
    submission = await database.read(submission_with, provider="replicate", token=TOKEN)
    assert submission.ref is None


@pytest.mark.parametrize("outcome", [Accepted({"id": "first"}), Rejected("refused", "no")])
async def test_what_is_certain_is_not_changed_by_a_webhook(
    api: ApiUnderTest, code: str, outcome: Accepted | Rejected
) -> None:
    submission = await api.dependencies.database.read(submission_with, provider="replicate", token=TOKEN)
    await api.dependencies.records.submissions.conclude(submission, outcome)
    await delivered(api)

    after = await api.dependencies.database.read(submission_with, provider="replicate", token=TOKEN)
    assert after.ref == (outcome.ref if isinstance(outcome, Accepted) else None)
