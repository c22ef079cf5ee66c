"""The log of a running installation: each line an object that names its job, at levels that change while it runs."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli.command import aijobs_process
from tests.stories.stack import MIDJOURNEY, UPSCALE, StoryStack, running_stack

PROMPT: Final = "a marked lighthouse for grandmother"
USER: Final = "grace@example.com"


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    settings = {"AIJOBS_LOG__FORMAT": "json", "AIJOBS_LOG__LEVELS": "INFO,aijobs.adapters=DEBUG,activities=DEBUG"}
    async with running_stack(tmp_path_factory.mktemp("logging"), settings=settings) as stack:
        yield stack


def written(stack: StoryStack, *processes: str) -> list[dict[str, Any]]:
    """Every line of these processes. Fails when one is no JSON object."""
    logs = Path(stack.environment["AIJOBS_DATA_DIR"]) / "logs"
    return [json.loads(line) for process in processes for line in (logs / f"{process}.log").read_text().splitlines()]


async def ended(stack: StoryStack, **job: Any) -> tuple[str, str]:
    """A job that has ended: its code, and the id of the request that made it."""
    response = await stack.api.post("/api/jobs", json={"user_id": USER, **job})
    assert response.status_code == 202, response.text
    code = response.json()["code"]
    await stack.statuses(code, user=USER)
    return code, response.headers["X-Request-Id"]


async def test_every_line_is_an_object_that_names_its_job_and_request(stack: StoryStack) -> None:
    stack.sandbox.behave()
    code, request = await ended(stack, model_id=MIDJOURNEY, params={"prompt": PROMPT})

    lines = written(stack, "api", "worker")

    assert all({"event", "level", "logger", "timestamp"} <= line.keys() for line in lines)
    [made] = [line for line in lines if line["event"] == "request" and line.get("request") == request]
    assert (made["job"], made["route"], made["status"]) == (code, "/api/jobs", 202)
    done = [line for line in lines if line["event"] == "step_done" and line.get("job") == code]
    assert {line["step"] for line in done} == {"submit", "watch", "migrate"}
    asked = [line for line in lines if line["event"] == "answered" and line.get("job") == code]
    assert {(line["provider"], line["step"]) for line in asked} >= {("TTAPI", "submit"), ("TTAPI", "watch")}
    assert all(line["attempt"] >= 1 and line["logger"].startswith("aijobs.adapters.network") for line in asked)


async def test_no_line_quotes_a_prompt_a_secret_a_link_or_a_user(stack: StoryStack) -> None:
    stack.sandbox.behave()
    stack.sandbox.misbehave("failed", arg=PROMPT)
    await ended(stack, model_id=MIDJOURNEY, params={"prompt": PROMPT})
    stack.sandbox.misbehave("reject_422", times=0)
    await ended(stack, model_id=UPSCALE, params={"image": f"{stack.sandbox.url}/nothing.png?token=s3cret"})
    await stack.api.get("/api/jobs", params={"q": PROMPT})
    await stack.api.get("/api/jobs", headers={"Authorization": "Bearer aijobs_s3cret"})
    stack.sandbox.behave()

    everything = json.dumps(written(stack, "api", "worker"), ensure_ascii=False)

    key = stack.api.headers["Authorization"].partition(" ")[2]
    for private in (PROMPT, "lighthouse", USER, "grace", key, "s3cret", "r8_story", "tt_story", "nothing.png"):
        assert private not in everything, private


async def test_levels_change_in_all_processes_without_a_restart(stack: StoryStack) -> None:
    stack.sandbox.behave()
    folder = Path(stack.environment["AIJOBS_DATA_DIR"])

    async def set_levels(*arguments: str) -> None:
        before = len(changes())
        result = await aijobs_process("log-level", *arguments, folder=folder, **only_ours(stack))
        assert result.code == 0, result.err
        async with asyncio.timeout(30):
            while len(changes()) < before + 2:
                await asyncio.sleep(0.1)

    def changes() -> list[dict[str, Any]]:
        return [line for line in written(stack, "api", "worker") if line["event"] == "log_levels_changed"]

    await set_levels("ERROR,api=WARNING")
    quiet, _ = await ended(stack, model_id=MIDJOURNEY, params={"prompt": PROMPT})
    await set_levels("--reset")
    loud, _ = await ended(stack, model_id=MIDJOURNEY, params={"prompt": PROMPT})

    lines = written(stack, "api", "worker")
    assert not [line for line in lines if line.get("job") == quiet]
    assert {line["event"] for line in lines if line.get("job") == loud} >= {"request", "step_done", "answered"}


@pytest.mark.parametrize("levels", ["LOUD", "httpx=INFO", "temporalio=DEBUG", "aijobs=", ""])
async def test_levels_that_would_quote_users_are_refused(stack: StoryStack, levels: str) -> None:
    folder = Path(stack.environment["AIJOBS_DATA_DIR"])

    result = await aijobs_process("log-level", levels, folder=folder, **only_ours(stack))

    assert result.code == 2
    assert "levels" in result.err


def only_ours(stack: StoryStack) -> dict[str, str]:
    return {name: value for name, value in stack.environment.items() if name.startswith("AIJOBS_")}
