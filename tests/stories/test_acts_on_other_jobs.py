"""What an operator may do to a job that is a conversation with a model, or an action on a picture of Midjourney's.

Such jobs are sent on other ways than the one of `test_acts_of_operators`; what is sent and paid is the same.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from temporalio.api.enums.v1 import EventType

from aijobs.domain.lifecycle import JobStatus
from tests.stories.stack import MIDJOURNEY, StoryStack, running_stack
from tests.stories.test_acts_of_operators import (
    A_TRY,
    FIRST,
    NOTHING_MORE,
    WHY,
    Act,
    act,
    cancel_by_api,
    canceled_while_the_workflow_is_paused,
    closed_as,
    start_by_hand,
)
from tests.stories.test_operations import temporal

S = JobStatus
CONTRACT: Final = (Path(__file__).parents[2] / "cli" / "samples" / "sample.txt").read_bytes()


@dataclass(frozen=True)
class JobKind:
    """A kind of job: how one is handed in, where it is refused, and what one costs."""

    submit: Callable[[StoryStack], Awaitable[str]]
    refused_on: str
    requests: int


async def submit_document(stack: StoryStack) -> str:
    response = await stack.api.post(
        "/api/template/upload-template",
        files={"file": ("合同.txt", CONTRACT)},
        data={"templateId": "contract_zh"},
        headers={"Aijobs-User": "ada"},
    )
    code: str = response.json()["data"]["taskId"]
    return code


async def submit_action(stack: StoryStack, *, origin: str) -> str:
    order = {"model_id": MIDJOURNEY, "user_id": "ada", "action": "variation1", "params": {"origin": origin}}
    response = await stack.api.post("/api/jobs", json=order)
    assert response.status_code == 202, response.text
    code: str = response.json()["code"]
    return code


@pytest.fixture(scope="module")
async def operated(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    async with running_stack(tmp_path_factory.mktemp("others")) as stack:
        stack.sandbox.pace(queue_seconds=0, work_seconds=0.2)
        yield stack


@pytest.fixture(scope="module")
async def origin(operated: StoryStack) -> str:
    order = {"model_id": MIDJOURNEY, "user_id": "ada", "params": {"prompt": "a lighthouse"}}
    code: str = (await operated.api.post("/api/jobs", json=order)).json()["code"]
    assert (await operated.statuses(code))[-1] == "SUCCESS"
    return code


@pytest.fixture
async def stack(operated: StoryStack) -> StoryStack:
    operated.sandbox.behave()
    await operated.mend_credentials()
    return operated


@pytest.fixture(params=["document", "action"])
def kind(request: pytest.FixtureRequest, origin: str) -> JobKind:
    if request.param == "document":
        return JobKind(submit_document, "chat", requests=4)
    return JobKind(partial(submit_action, origin=origin), "create", requests=1)


async def entries(stack: StoryStack, code: str) -> list[str]:
    response = await stack.api.get("/api/points/entries", headers={"Aijobs-User": "ada"}, params={"limit": 100})
    return [entry["kind"] for entry in reversed(response.json()["data"]) if entry["job_code"] == code]


#: To a job whose vendor refuses it for a while: whether it is sent afterwards.
TO_THE_REFUSED: Final[dict[str, tuple[Act, bool]]] = {
    "cancel by API": (cancel_by_api, False),
    "cancel": (act("workflow", "cancel", "-w", "JOB"), False),
    "pause the workflow, cancel": (canceled_while_the_workflow_is_paused, False),
    "terminate": (act("workflow", "terminate", "-w", "JOB", *WHY), False),
    "delete": (act("workflow", "delete", "-w", "JOB", "-y"), True),
    "reset": (act("workflow", "reset", "-w", "JOB", *FIRST), True),
}


@pytest.mark.parametrize("what", TO_THE_REFUSED)
async def test_a_job_that_waits_for_its_next_try(stack: StoryStack, kind: JobKind, what: str) -> None:
    perform, goes_on = TO_THE_REFUSED[what]
    sent = stack.paid_submits()
    stack.sandbox.misbehave("throttled", arg="1", on=kind.refused_on, times=0)
    code = await kind.submit(stack)
    await asyncio.sleep(A_TRY)

    await perform(stack, code)
    stack.sandbox.behave()

    assert (await stack.statuses(code))[-1] == ("SUCCESS" if goes_on else "CANCELED")
    await asyncio.sleep(NOTHING_MORE)
    assert stack.paid_submits() == sent + (kind.requests if goes_on else 0)
    assert await entries(stack, code) == ["reserve", "settle" if goes_on else "refund"]


async def places_to_begin_again(stack: StoryStack, code: str) -> list[int]:
    """The event ids that a job's workflow can be reset to."""
    history = await (await stack.temporal_client()).get_workflow_handle(code).fetch_history()
    completed = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    return [event.event_id for event in history.events if event.event_type == completed]


@pytest.mark.parametrize(("end", "closes"), [("SUCCESS", "COMPLETED"), ("FAILED", "FAILED"), ("CANCELED", "CANCELED")])
async def test_a_job_that_has_ended_sends_nothing_wherever_it_is_begun_again(
    stack: StoryStack, kind: JobKind, end: str, closes: str
) -> None:
    if end == "FAILED":
        stack.sandbox.misbehave("reject_402", on=kind.refused_on)
    if end == "CANCELED":
        stack.sandbox.misbehave("throttled", arg="1", on=kind.refused_on, times=0)
    code = await kind.submit(stack)
    if end == "CANCELED":
        await asyncio.sleep(A_TRY)
        await cancel_by_api(stack, code)
    assert (await stack.statuses(code))[-1] == end
    assert await closed_as(stack, code) == closes
    stack.sandbox.behave()
    sent, kept = stack.paid_submits(), await entries(stack, code)
    before = await stack.job(code)

    first_run = (await (await stack.temporal_client()).get_workflow_handle(code).describe()).run_id
    places = await places_to_begin_again(stack, code)
    for place in places:
        for reapply in ((), ("--reapply-exclude", "All")) if place in {places[0], places[-1]} else ((),):
            words = ("workflow", "reset", "-w", code, "-r", first_run, "--event-id", str(place))
            await temporal(stack, *words, *reapply, *WHY)
            assert await closed_as(stack, code) == closes, (place, reapply)
    await start_by_hand(stack, code, workflow=f"{code}_too")
    assert await closed_as(stack, f"{code}_too") == closes

    assert stack.paid_submits() == sent
    assert await entries(stack, code) == kept
    after = await stack.job(code)
    assert [output["sha256"] for output in after["outputs"]] == [output["sha256"] for output in before["outputs"]]
    assert after["error"] == before["error"]
