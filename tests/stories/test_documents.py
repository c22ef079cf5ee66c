"""Document jobs over the whole stack: stages in order, each paid for once, whatever is killed."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from aijobs.persistence.database import opened_database
from aijobs.persistence.documents.conversations import messages_of
from tests.stories.stack import StoryStack, running_stack

CONTRACT: Final = (Path(__file__).parents[2] / "cli" / "samples" / "sample.txt").read_bytes()
TEMPLATE: Final = "contract_zh"
STAGES: Final = 4
EVERY_STAGE_ONCE: Final = ["1", "2", "3", "4"]


@pytest.fixture(scope="module")
async def fragile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    async with running_stack(tmp_path_factory.mktemp("documents")) as stack:
        stack.sandbox.pace(queue_seconds=0, work_seconds=0.4)
        yield stack


@pytest.fixture
def desk(fragile: StoryStack) -> StoryStack:
    fragile.sandbox.behave()
    return fragile


async def hand_in(stack: StoryStack, content: bytes = CONTRACT, **form: str) -> dict[str, Any]:
    """The answer's `data`."""
    answer = await stack.api.post(
        "/api/template/upload-template",
        files={"file": ("合同.txt", content)},
        data={"templateId": TEMPLATE, **form},
        headers={"Aijobs-User": "ada"},
    )
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def calls(stack: StoryStack, code: str) -> list[str]:
    """The stages that the model was paid for, in order."""
    references = [row.correlation or "" for row in stack.sandbox.ledger()]
    return [reference.rpartition("/")[2] for reference in references if reference.startswith(code)]


async def until_called(stack: StoryStack, code: str, times: int) -> None:
    async with asyncio.timeout(30):
        while len(calls(stack, code)) < times:
            await asyncio.sleep(0.02)


async def tracked(stack: StoryStack, code: str) -> list[dict[str, Any]]:
    headers = {"Aijobs-User": "ada"}
    async with stack.api.stream("GET", f"/api/progress/track/{code}", headers=headers) as answer:
        lines = [line async for line in answer.aiter_lines()]
    return [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]


async def rows(stack: StoryStack, code: str) -> list[dict[str, Any]]:
    answer = await stack.api.get(
        f"/api/templates/{TEMPLATE}/rows", params={"source": code}, headers={"Aijobs-User": "ada"}
    )
    answer.raise_for_status()
    return [row["values"] for row in answer.json()["data"]]


async def remembered(stack: StoryStack, code: str) -> list[str]:
    """What is left in the database of what was said. Asked while others write."""
    async with (
        opened_database(f"sqlite:///{stack.environment['AIJOBS_DATA_DIR']}/aijobs.db") as database,
        database.read() as session,
    ):
        messages = await messages_of(session, code)
    assert messages
    return [message.content for message in messages if message.content is not None]


async def assert_forgotten(stack: StoryStack, code: str) -> None:
    """A stream ends with the status, a moment before the conversation is cleared."""
    async with asyncio.timeout(10):
        while await remembered(stack, code):
            await asyncio.sleep(0.1)


async def test_a_contract_becomes_a_table(desk: StoryStack) -> None:
    data = await hand_in(desk)
    statuses = await desk.statuses(data["taskId"])
    job = await desk.job(data["taskId"])
    excel, answer = job["outputs"]
    document = (await desk.api.get(answer["url"])).json()

    assert data == {"taskId": job["code"], "message": "文件上传成功,正在异步处理中", "completed": False}
    assert statuses == ["DRAFT", "PROCESSING", "GENERATED", "MIGRATING", "SUCCESS"]
    assert calls(desk, job["code"]) == EVERY_STAGE_ONCE
    assert (excel["kind"], answer["kind"]) == ("document", "json")
    assert excel["media_type"].endswith("spreadsheetml.sheet")
    (row,) = document["rows"]
    assert (row["合同编号"], row["签订日期"], row["合同金额"]) == ("HT-2026-0317", "2026-03-17", 286500)
    assert await rows(desk, job["code"]) == [row]
    await assert_forgotten(desk, job["code"])


async def test_the_track_shows_every_stage(desk: StoryStack) -> None:
    code = (await hand_in(desk))["taskId"]

    frames = await tracked(desk, code)

    staged = [frame for frame in frames if frame["type"] == "PROGRESS" and frame["totalStages"] == STAGES]
    seen = [frame["currentStage"] for frame in staged]
    assert sorted(set(seen)) == [1, 2, 3, 4]
    assert seen == sorted(seen)
    assert (frames[-1]["type"], frames[-1]["success"]) == ("COMPLETE", True)


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
async def test_a_worker_killed_in_any_stage_repeats_no_finished_one(desk: StoryStack, stage: int) -> None:
    """The stage in which it died is asked again: its answer had nowhere to go."""
    code = (await hand_in(desk))["taskId"]
    await until_called(desk, code, stage)

    await desk.kill("worker")
    paid = calls(desk, code)
    await desk.start("worker")
    statuses = await desk.statuses(code)

    assert statuses[-1] == "SUCCESS"
    again = paid[-1:] if len(calls(desk, code)) > STAGES else []
    assert sorted(calls(desk, code)) == sorted([*EVERY_STAGE_ONCE, *again])
    assert len(await rows(desk, code)) == 1
    await assert_forgotten(desk, code)


async def test_a_worker_killed_while_it_reads_or_writes_starts_over_there(desk: StoryStack) -> None:
    """Before the first question, and after the last answer."""
    first = (await hand_in(desk))["taskId"]
    await desk.kill("worker")
    await desk.start("worker")
    assert (await desk.statuses(first))[-1] == "SUCCESS"

    second = (await hand_in(desk))["taskId"]
    async for event in desk.stream(second):
        if event["unit_progress"] == 100:
            break
    await desk.kill("worker")
    await desk.start("worker")

    assert (await desk.statuses(second))[-1] == "SUCCESS"
    assert calls(desk, second) == EVERY_STAGE_ONCE
    assert len((await desk.job(second))["outputs"]) == 2
    assert len(await rows(desk, second)) == 1


async def test_a_canceled_document_gives_its_points_back_and_leaves_nothing(desk: StoryStack) -> None:
    desk.sandbox.misbehave("answer_seconds", arg="20", times=0)
    used = await desk.points_used("ada")
    code = (await hand_in(desk))["taskId"]
    await until_called(desk, code, 1)

    await desk.api.post(f"/api/jobs/{code}/cancel", json={"reason": "wrong file"}, headers={"Aijobs-User": "ada"})
    statuses = await desk.statuses(code)

    assert statuses[-1] == "CANCELED"
    assert calls(desk, code) == ["1"]
    assert await rows(desk, code) == []
    assert await desk.points_used("ada") == used
    await assert_forgotten(desk, code)


async def test_a_terminated_workflow_is_mended_and_its_conversation_closed(desk: StoryStack) -> None:
    desk.sandbox.misbehave("answer_seconds", arg="20", times=0)
    code = (await hand_in(desk))["taskId"]
    await until_called(desk, code, 1)

    client = await desk.temporal_client()
    await client.get_workflow_handle(code).terminate("by an operator")
    statuses = await desk.statuses(code)

    assert statuses[-1] == "CANCELED"
    assert calls(desk, code) == ["1"]
    await assert_forgotten(desk, code)


async def test_an_unusable_answer_is_shown_to_its_owner(desk: StoryStack) -> None:
    desk.sandbox.misbehave("answer_prose", times=0)
    code = (await hand_in(desk))["taskId"]
    statuses = await desk.statuses(code)
    answer = await desk.api.get(f"/api/jobs/{code}", params={"expand": "exchange"}, headers={"Aijobs-User": "ada"})

    assert statuses[-1] == "FAILED"
    assert answer.json()["error"]["code"] == "answer_unusable"
    assert answer.json()["resp_json"]["unusable_answer"].startswith("Here is the table")
