"""`aijobs webhooks`, against a real API."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from api.engine import Engine
from cli.errors import Exit
from domain.lifecycle import JobStatus
from persistence.first_key import ensure_first_key
from tests.api.conftest import NOBODY_THERE, opened_parts
from tests.api.installation import Installation, opened_installation
from tests.cli.command import Ended, aijobs_process


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Installation]:
    async with opened_parts(tmp_path, Engine(lambda: Client.connect(NOBODY_THERE))) as parts:
        key = await ensure_first_key(parts.database, parts.secret, tmp_path)
        async with opened_installation(parts, key) as installation:
            yield installation


async def aijobs(api: Installation, folder: Path, *arguments: str) -> Ended:
    return await aijobs_process("webhooks", *arguments, "--url", api.url, folder=folder)


async def test_what_was_sent_is_listed_and_replayed(api: Installation, tmp_path: Path) -> None:
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


async def test_an_unknown_delivery_is_named(api: Installation, tmp_path: Path) -> None:
    done = await aijobs(api, tmp_path, "replay", "hook_06FNXQ3W9E8Y7ZKDRT2M5S4HBC")

    assert done.code == Exit.NOT_FOUND
    assert "There is no webhook delivery" in done.err
