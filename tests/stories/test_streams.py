"""Readers of event streams, while the API is killed and started again."""

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

READ_TIMEOUT: Final = 20.0
"""Seconds. A live stream sends at least a comment every ten."""

TIMEOUT: Final = 150.0


async def frames(stack: StoryStack, path: str, last_id: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The events of one connection, until it breaks. Raises ReadTimeout when nothing is received for too long."""
    headers = {"Authorization": stack.api.headers["Authorization"], "Last-Event-ID": last_id}
    async with (
        httpx.AsyncClient(base_url=stack.api.base_url, timeout=READ_TIMEOUT, trust_env=False) as http,
        http.stream("GET", path, headers=headers) as response,
    ):
        event_id = last_id
        async for line in response.aiter_lines():
            if line.startswith("id: "):
                event_id = line.removeprefix("id: ")
            elif line.startswith("data: "):
                yield event_id, json.loads(line.removeprefix("data: "))


async def read_events(stack: StoryStack, path: str, jobs: int) -> list[tuple[str, int]]:
    """Every event, over any number of connections, until this many jobs have ended."""
    events: list[tuple[str, int]] = []
    last_id, ended = "0", 0
    while ended < jobs:
        try:
            async for event_id, event in frames(stack, path, last_id):
                last_id = event_id
                events.append((event["code"], event["seq"]))
                ended += event["kind"] == "status" and event["job_status_name"] in FINAL
                if ended == jobs:
                    break
        except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError):
            await asyncio.sleep(0.05)
    return events


async def test_every_reader_hears_everything_once_however_often_the_api_dies(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as stack:
        codes = [await stack.submit() for _ in range(JOBS)]
        of_one = {
            code: [
                asyncio.create_task(read_events(stack, f"/api/jobs/{code}/events", 1)) for _ in range(READERS_OF_EACH)
            ]
            for code in codes
        }
        of_all = [asyncio.create_task(read_events(stack, "/api/events", JOBS)) for _ in range(READERS_OF_ALL)]
        for _ in range(RESTARTS):
            await asyncio.sleep(1)
            await stack.kill("api")
            await stack.start("api")
        async with asyncio.timeout(TIMEOUT):
            logs = [await reader for reader in of_all]
            histories = {code: [await reader for reader in readers] for code, readers in of_one.items()}
        written = {code: [(code, event["seq"]) for event in await stack.events(code)] for code in codes}

    assert all(log == logs[0] for log in logs)
    for code, histories_of_job in histories.items():
        assert all(history == written[code] for history in histories_of_job)
        assert [event for event in logs[0] if event[0] == code] == written[code]
