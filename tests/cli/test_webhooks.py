"""`aijobs webhooks`, against a real API."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.webhooks import WebhookReply
from aijobs.persistence.webhooks.deliveries import DatabaseDeliveries
from cli.errors import Exit
from tests.api.installation import ApiUnderTest
from tests.cli.command import CommandResult, aijobs_process

URL = "https://example.com/hooks"


async def aijobs(api: ApiUnderTest, folder: Path, *arguments: str) -> CommandResult:
    return await aijobs_process("webhooks", *arguments, "--url", api.url, folder=folder)


async def noted(api: ApiUnderTest, delivery: str, reply: WebhookReply, *, next_in: timedelta | None = None) -> None:
    outbox = DatabaseDeliveries(api.dependencies.database, disable_after=timedelta(days=5))
    await outbox.note_try(delivery, reply, next_try_at=datetime.now(UTC) + next_in if next_in else None)


async def test_an_endpoint_is_made_rotated_paused_resumed_and_deleted(api: ApiUnderTest, tmp_path: Path) -> None:
    made = await aijobs(api, tmp_path, "create", URL, "--event", "job.failed", "--event", "points.alert", "--json")
    endpoint = made.document["id"]
    rotated = await aijobs(api, tmp_path, "rotate", endpoint)
    paused = await aijobs(api, tmp_path, "pause", endpoint)
    listed = await aijobs(api, tmp_path, "list")
    resumed = await aijobs(api, tmp_path, "resume", endpoint)
    deleted = await aijobs(api, tmp_path, "delete", endpoint)
    again = await aijobs(api, tmp_path, "resume", endpoint)

    assert made.document["events"] == ["job.failed", "points.alert"]
    assert made.document["secret"].startswith("whsec_")
    assert "whsec_" in rotated.out
    assert made.document["secret"] not in rotated.out
    assert "old secret signs until" in rotated.out
    assert f"{endpoint} is paused." in paused.out
    assert [endpoint in listed.out, "paused" in listed.out, "whsec_" in listed.out] == [True, True, False]
    assert f"{endpoint} is enabled." in resumed.out
    assert f"{endpoint} is deleted." in deleted.out
    assert again.code == Exit.NOT_FOUND


async def test_a_user_and_a_wrong_url_are_told(api: ApiUnderTest, tmp_path: Path) -> None:
    adas = await aijobs(api, tmp_path, "create", URL, "--user", "ada", "--json")
    wrong = await aijobs(api, tmp_path, "create", "http://10.0.0.1/")

    assert adas.document["user_id"] == "ada"
    assert (wrong.code, "/url: Must be https" in wrong.err) == (Exit.ERROR, True)


async def test_a_test_message_says_what_is_known_of_it(api: ApiUnderTest, tmp_path: Path) -> None:
    endpoint = (await api.http.post("/api/webhook-endpoints", json={"url": URL})).json()["id"]

    sent = await aijobs(api, tmp_path, "test", endpoint, "--wait", "0", "--json")
    await noted(api, sent.document["id"], WebhookReply(status=503), next_in=timedelta(minutes=5))
    await noted(api, sent.document["id"], WebhookReply(error="No answer within 15 s."))
    shown = await aijobs(api, tmp_path, "show", sent.document["id"])

    assert sent.code == Exit.TIMEOUT  # no worker runs here
    assert sent.document["type"] == "endpoint.test"
    assert "failed" in shown.out
    assert [line.split("  ")[-1] for line in shown.out.splitlines() if line.strip().startswith("try ")] == [
        "HTTP 503",
        "No answer within 15 s.",
    ]


async def test_what_was_sent_is_listed_and_replayed(api: ApiUnderTest, tmp_path: Path) -> None:
    made = await api.http.post("/api/webhook-endpoints", json={"url": URL})
    code = await api.job("ada")
    await api.push(code, JobStatus.FAILED)

    endpoints = await aijobs(api, tmp_path, "endpoints")
    sent = await aijobs(api, tmp_path, "deliveries", "--job", code, "--json")
    [delivery] = json.loads(sent.out)["data"]
    replayed = await aijobs(api, tmp_path, "replay", delivery["id"])
    shown = await aijobs(api, tmp_path, "deliveries", "--state", "replaced")
    of_endpoint = await aijobs(api, tmp_path, "deliveries", "--endpoint", made.json()["id"], "--limit", "1")

    assert made.json()["id"] in endpoints.out
    assert "(all)" in endpoints.out
    assert delivery["type"] == "job.failed"
    assert "is on its way to https://example.com/hooks" in replayed.out
    assert delivery["id"] in shown.out
    assert "--cursor hook_" in of_endpoint.out


async def test_all_that_failed_is_replayed(api: ApiUnderTest, tmp_path: Path) -> None:
    endpoint = (await api.http.post("/api/webhook-endpoints", json={"url": URL})).json()["id"]
    for _ in range(2):
        sent = await api.http.post(f"/api/webhook-endpoints/{endpoint}/test")
        await noted(api, sent.json()["id"], WebhookReply(status=500))

    neither = await aijobs(api, tmp_path, "replay")
    done = await aijobs(api, tmp_path, "replay", "--since", "1h", "--endpoint", endpoint)
    again = await aijobs(api, tmp_path, "replay", "--since", "1h", "--json")

    assert neither.code == Exit.USAGE
    assert "Sent again: 2" in done.out
    assert again.document == {"replayed": 0}


async def test_an_unknown_delivery_is_named(api: ApiUnderTest, tmp_path: Path) -> None:
    done = await aijobs(api, tmp_path, "replay", "hook_06FNXQ3W9E8Y7ZKDRT2M5S4HBC")

    assert done.code == Exit.NOT_FOUND
    assert "There is no webhook delivery" in done.err
