"""Document jobs over the whole stack: stages in order, each paid once, whatever is killed."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from python_calamine import CalamineWorkbook

from aijobs.persistence.database import opened_database
from aijobs.persistence.documents.conversations import messages_of
from tests.patience import PATIENCE
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
def stack(fragile: StoryStack) -> StoryStack:
    fragile.sandbox.behave()
    return fragile


async def upload_document(stack: StoryStack, content: bytes = CONTRACT, **form: str) -> dict[str, Any]:
    """Upload a document; returns the response's `data`."""
    response = await stack.api.post(
        "/api/template/upload-template",
        files={"file": ("合同.txt", content)},
        data={"templateId": TEMPLATE, **form},
        headers={"Aijobs-User": "ada"},
    )
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


def paid_stages(stack: StoryStack, code: str) -> list[str]:
    """The stages for which the model was paid, in order."""
    references = [row.correlation or "" for row in stack.sandbox.ledger()]
    return [reference.rpartition("/")[2] for reference in references if reference.startswith(code)]


async def wait_for_paid_stage(stack: StoryStack, code: str, times: int) -> None:
    async with asyncio.timeout(30):
        while len(paid_stages(stack, code)) < times:
            await asyncio.sleep(0.02)


async def progress_frames(stack: StoryStack, code: str) -> list[dict[str, Any]]:
    headers = {"Aijobs-User": "ada"}
    async with stack.api.stream("GET", f"/api/progress/track/{code}", headers=headers) as response:
        lines = [line async for line in response.aiter_lines()]
    return [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]


async def rows(stack: StoryStack, code: str) -> list[dict[str, Any]]:
    response = await stack.api.get(
        f"/api/templates/{TEMPLATE}/rows", params={"source": code}, headers={"Aijobs-User": "ada"}
    )
    response.raise_for_status()
    return [row["values"] for row in response.json()["data"]]


async def stored_messages(stack: StoryStack, code: str) -> list[str]:
    """The messages of the conversation that are still in the database."""
    async with opened_database(f"sqlite:///{stack.environment['AIJOBS_DATA_DIR']}/aijobs.db") as database:
        messages = await database.read(messages_of, code)
    assert messages
    return [message.content for message in messages if message.content is not None]


async def assert_messages_deleted(stack: StoryStack, code: str) -> None:
    """The stream ends shortly before the messages are deleted, so wait."""
    async with asyncio.timeout(PATIENCE):
        while await stored_messages(stack, code):
            await asyncio.sleep(0.1)


async def test_a_person_reviews_a_table_and_its_files_are_made_again(stack: StoryStack) -> None:
    headers = {"Aijobs-User": "ada"}
    code = (await upload_document(stack))["taskId"]
    await progress_frames(stack, code)
    before = (await stack.api.get(f"/api/jobs/{code}", headers=headers)).json()
    correction: dict[str, Any] = {"rows": [{"row": 1, "values": {"合同编号": "HT-2026-0318", "合同金额": "many"}}]}

    refused = await stack.api.post(f"/api/documents/{code}/review", json=correction, headers=headers)
    correction["rows"][0]["values"]["合同金额"] = 1
    corrected = await stack.api.post(f"/api/documents/{code}/review", json=correction, headers=headers)
    accepted = await stack.api.post(f"/api/documents/{code}/review", json={"accept": True}, headers=headers)
    changes = (await stack.api.get(f"/api/documents/{code}/changes", headers=headers)).json()["data"]
    foreign = await stack.api.post(f"/api/documents/{code}/review", json={}, headers={"Aijobs-User": "bob"})

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/rows/0/values/合同金额")
    assert [before["needs_review"], corrected.json()["needs_review"], accepted.json()["needs_review"]] == [
        True,
        True,
        False,
    ]
    assert [(change["kind"], list(change["before"].values())) for change in changes] == [
        ("changed", ["HT-2026-0317"]),
        ("changed", [286500]),
        ("accepted", []),
    ]
    assert foreign.status_code == 404
    (row,) = await rows(stack, code)
    excel, document = [
        await stack.api.get(f"/api/jobs/{code}/outputs/{index}", headers=headers, follow_redirects=True)
        for index in (0, 1)
    ]
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(excel.content)).get_sheet_by_index(0).to_python()
    assert row["合同编号"] == sheet[1][0] == document.json()["rows"][0]["合同编号"] == "HT-2026-0318"
    assert document.json()["sources"][0]["合同编号"]["marks"] == ["changed"]
    assert [one["sha256"] for one in corrected.json()["outputs"]] != [one["sha256"] for one in before["outputs"]]


async def test_a_contract_becomes_a_table(stack: StoryStack) -> None:
    data = await upload_document(stack)
    statuses = await stack.statuses(data["taskId"])
    job = await stack.job(data["taskId"])
    excel, json_output = job["outputs"]
    document = (await stack.api.get(json_output["url"])).json()

    assert data == {"taskId": job["code"], "message": "文件上传成功,正在异步处理中", "completed": False}
    assert statuses == ["DRAFT", "PROCESSING", "GENERATED", "MIGRATING", "SUCCESS"]
    assert paid_stages(stack, job["code"]) == EVERY_STAGE_ONCE
    assert (excel["kind"], json_output["kind"]) == ("document", "json")
    assert excel["media_type"].endswith("spreadsheetml.sheet")
    (row,) = document["rows"]
    assert (row["合同编号"], row["签订日期"], row["合同金额"]) == ("HT-2026-0317", "2026-03-17", 286500)
    assert await rows(stack, job["code"]) == [row]
    await assert_messages_deleted(stack, job["code"])


async def test_the_track_shows_every_stage(stack: StoryStack) -> None:
    code = (await upload_document(stack))["taskId"]

    frames = await progress_frames(stack, code)

    staged = [frame for frame in frames if frame["type"] == "PROGRESS" and frame["totalStages"] == STAGES]
    seen = [frame["currentStage"] for frame in staged]
    assert sorted(set(seen)) == [1, 2, 3, 4]
    assert seen == sorted(seen)
    assert (frames[-1]["type"], frames[-1]["success"]) == ("COMPLETE", True)


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
async def test_a_worker_killed_in_any_stage_repeats_no_finished_one(stack: StoryStack, stage: int) -> None:
    """Only the stage in which it was killed is repeated: its response could not be stored."""
    code = (await upload_document(stack))["taskId"]
    await wait_for_paid_stage(stack, code, stage)

    await stack.kill("worker")
    paid = paid_stages(stack, code)
    await stack.start("worker")
    statuses = await stack.statuses(code)

    assert statuses[-1] == "SUCCESS"
    again = paid[-1:] if len(paid_stages(stack, code)) > STAGES else []
    assert sorted(paid_stages(stack, code)) == sorted([*EVERY_STAGE_ONCE, *again])
    assert len(await rows(stack, code)) == 1
    await assert_messages_deleted(stack, code)


async def test_a_worker_killed_while_it_reads_or_writes_starts_over_there(stack: StoryStack) -> None:
    """Before the first stage, and after the last one."""
    first = (await upload_document(stack))["taskId"]
    await stack.kill("worker")
    await stack.start("worker")
    assert (await stack.statuses(first))[-1] == "SUCCESS"

    second = (await upload_document(stack))["taskId"]
    async for event in stack.stream(second):
        if event["unit_progress"] == 100:
            break
    await stack.kill("worker")
    await stack.start("worker")

    assert (await stack.statuses(second))[-1] == "SUCCESS"
    assert paid_stages(stack, second) == EVERY_STAGE_ONCE
    assert len((await stack.job(second))["outputs"]) == 2
    assert len(await rows(stack, second)) == 1


async def test_a_canceled_document_gives_its_points_back_and_leaves_nothing(stack: StoryStack) -> None:
    stack.sandbox.misbehave("answer_seconds", arg="20", times=0)
    used = await stack.points_used("ada")
    code = (await upload_document(stack))["taskId"]
    await wait_for_paid_stage(stack, code, 1)

    await stack.api.post(f"/api/jobs/{code}/cancel", json={"reason": "wrong file"}, headers={"Aijobs-User": "ada"})
    statuses = await stack.statuses(code)

    assert statuses[-1] == "CANCELED"
    assert paid_stages(stack, code) == ["1"]
    assert await rows(stack, code) == []
    assert await stack.points_used("ada") == used
    await assert_messages_deleted(stack, code)


async def test_a_terminated_workflow_is_mended_and_its_conversation_closed(stack: StoryStack) -> None:
    stack.sandbox.misbehave("answer_seconds", arg="20", times=0)
    code = (await upload_document(stack))["taskId"]
    await wait_for_paid_stage(stack, code, 1)

    client = await stack.temporal_client()
    await client.get_workflow_handle(code).terminate("by an operator")
    statuses = await stack.statuses(code)

    assert statuses[-1] == "CANCELED"
    assert paid_stages(stack, code) == ["1"]
    await assert_messages_deleted(stack, code)


async def test_an_unusable_answer_is_shown_to_its_owner(stack: StoryStack) -> None:
    stack.sandbox.misbehave("answer_prose", times=0)
    code = (await upload_document(stack))["taskId"]
    statuses = await stack.statuses(code)
    response = await stack.api.get(f"/api/jobs/{code}", params={"expand": "exchange"}, headers={"Aijobs-User": "ada"})

    assert statuses[-1] == "FAILED"
    assert response.json()["error"]["code"] == "answer_unusable"
    assert response.json()["resp_json"]["unusable_answer"].startswith("Here is the table")
