"""Batches from the request to the last result, on real processes."""

import asyncio
from pathlib import Path
from typing import Any

from aijobs.domain.lifecycle import JobStatus
from tests.stories.stack import PHOTO, TIMEOUT, UPSCALE, StoryStack, running_stack


async def submit(stack: StoryStack, rows: int, *, user: str, **more: Any) -> str:
    image = await stack.upload(PHOTO.read_bytes(), user=user)
    body = {"model_id": UPSCALE, "user_id": user, "params": {"image": image}, **more}
    numbered = [{"metadata": {"row": str(number)}} for number in range(rows)]
    response = await stack.api.post("/api/batches", json={**body, "rows": numbered})
    assert response.status_code == 202, response.text
    code: str = response.json()["code"]
    return code


async def batch(stack: StoryStack, code: str) -> dict[str, Any]:
    found: dict[str, Any] = (await stack.api.get(f"/api/batches/{code}")).raise_for_status().json()
    return found


async def until_ended(stack: StoryStack, code: str) -> dict[str, Any]:
    async with asyncio.timeout(2 * TIMEOUT):
        while (found := await batch(stack, code))["ended_at"] is None:
            await asyncio.sleep(0.1)
    return found


async def items(stack: StoryStack, code: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await stack.api.get(f"/api/batches/{code}/items")).raise_for_status().json()["data"]
    return found


async def test_a_batch_runs_to_its_end(stack: StoryStack) -> None:
    code = await submit(stack, 6, user="hopper", concurrency=3)

    ended = await until_ended(stack, code)

    assert (ended["status"], ended["counts"], ended["charged"]) == ("DONE", {"SUCCESS": 6}, 12)
    assert ended["rate_per_minute"] > 0
    assert len({item["job_code"] for item in await items(stack, code)}) == 6
    assert await stack.points_used("hopper") == 12


async def test_a_canceled_batch_cancels_what_runs(stack: StoryStack) -> None:
    stack.sandbox.misbehave("never_finishes")
    code = await submit(stack, 6, user="lovelace", concurrency=2)
    async with asyncio.timeout(TIMEOUT):
        while (await batch(stack, code))["counts"].get("PROCESSING") != 2:
            await asyncio.sleep(0.1)

    (await stack.api.post(f"/api/batches/{code}/cancel")).raise_for_status()
    ended = await until_ended(stack, code)

    assert (ended["status"], ended["counts"]) == ("CANCELED", {"CANCELED": 6})
    assert await stack.points_used("lovelace") == 0


async def test_kills_lose_and_double_no_row(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as stack:
        code = await submit(stack, 12, user="curie", concurrency=4)
        for _ in range(2):
            await asyncio.sleep(1)
            await stack.kill("worker")
            await stack.start("worker")

        ended = await until_ended(stack, code)

        assert (ended["status"], ended["counts"]) == ("DONE", {"SUCCESS": 12})
        jobs = [item["job_code"] for item in await items(stack, code)]
        assert len(set(jobs)) == 12
        assert [(await stack.job(job, user="curie"))["metadata"] for job in jobs] == [
            {"row": str(number)} for number in range(12)
        ]
        assert stack.paid_submits() == 12
        assert {(await stack.job(job, user="curie"))["job_status"] for job in jobs} == {JobStatus.SUCCESS}
