"""`aijobs webhooks`, against a real API."""

import json
from pathlib import Path

from aijobs.domain.lifecycle import JobStatus
from cli.errors import Exit
from tests.api.installation import ApiUnderTest
from tests.cli.command import CommandResult, aijobs_process


async def aijobs(api: ApiUnderTest, folder: Path, *arguments: str) -> CommandResult:
    return await aijobs_process("webhooks", *arguments, "--url", api.url, folder=folder)


async def test_what_was_sent_is_listed_and_replayed(api: ApiUnderTest, tmp_path: Path) -> None:
    made = await api.http.post("/api/webhook-endpoints", json={"url": "https://example.com/hooks"})
    code = await api.job("ada")
    await api.push(code, JobStatus.FAILED)

    endpoints = await aijobs(api, tmp_path, "endpoints")
    sent = await aijobs(api, tmp_path, "deliveries", "--job", code, "--json")
    [delivery] = json.loads(sent.out)["data"]
    replayed = await aijobs(api, tmp_path, "replay", delivery["id"])
    shown = await aijobs(api, tmp_path, "deliveries", "--state", "replaced")

    assert made.json()["id"] in endpoints.out
    assert "(all)" in endpoints.out
    assert delivery["type"] == "job.failed"
    assert "is on its way to https://example.com/hooks" in replayed.out
    assert delivery["id"] in shown.out


async def test_an_unknown_delivery_is_named(api: ApiUnderTest, tmp_path: Path) -> None:
    done = await aijobs(api, tmp_path, "replay", "hook_06FNXQ3W9E8Y7ZKDRT2M5S4HBC")

    assert done.code == Exit.NOT_FOUND
    assert "There is no webhook delivery" in done.err
