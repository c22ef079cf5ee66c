"""Readers of streams, while the API is killed and started under their hands."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx

from tests.stories.stack import StoryStack, running_stack

JOBS: Final = 8
READERS_OF_EACH: Final = 10
READERS_OF_ALL: Final = 20
RESTARTS: Final = 3
FINAL: Final = {"SUCCESS", "FAILED", "TIMEOUT", "CANCELED"}

SILENCE: Final = 20.0
"""Seconds. A stream that lives says something every ten."""

PATIENCE: Final = 150.0


async def frames(stack: StoryStack, path: str, last_id: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Of one connection, until it breaks. Raises ReadTimeout when it lives and says nothing."""
    headers = {"Authorization": stack.api.headers["Authorization"], "Last-Event-ID": last_id}
    async with (
        httpx.AsyncClient(base_url=stack.api.base_url, timeout=SILENCE, trust_env=False) as http,
        http.stream("GET", path, headers=headers) as answer,
    ):
        coming = last_id
        async for line in answer.aiter_lines():
            if line.startswith("id: "):
                coming = line.removeprefix("id: ")
            elif line.startswith("data: "):
                yield coming, json.loads(line.removeprefix("data: "))


async def heard(stack: StoryStack, path: str, jobs: int) -> list[tuple[str, int]]:
    """Everything, however often the connection breaks, until so many jobs have ended."""
    told: list[tuple[str, int]] = []
    last_id, ended = "0", 0
    while ended < jobs:
        try:
            async for coming, event in frames(stack, path, last_id):
                last_id = coming
                told.append((event["code"], event["seq"]))
                ended += event["kind"] == "status" and event["job_status_name"] in FINAL
                if ended == jobs:
                    break
        except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError):
            await asyncio.sleep(0.05)
    return told


async def test_every_reader_hears_everything_once_however_often_the_api_dies(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as stack:
        codes = [await stack.submit() for _ in range(JOBS)]
        of_one = {
            code: [asyncio.create_task(heard(stack, f"/api/jobs/{code}/events", 1)) for _ in range(READERS_OF_EACH)]
            for code in codes
        }
        of_all = [asyncio.create_task(heard(stack, "/api/events", JOBS)) for _ in range(READERS_OF_ALL)]
        for _ in range(RESTARTS):
            await asyncio.sleep(1)
            await stack.kill("api")
            await stack.start("api")
        async with asyncio.timeout(PATIENCE):
            logs = [await reader for reader in of_all]
            histories = {code: [await reader for reader in readers] for code, readers in of_one.items()}
        written = {code: [(code, event["seq"]) for event in await stack.events(code)] for code in codes}

    assert all(log == logs[0] for log in logs)
    for code, told in histories.items():
        assert all(history == written[code] for history in told)
        assert [event for event in logs[0] if event[0] == code] == written[code]
