"""What vendors say, and why callers cancel, is in the database, and nowhere in Temporal's history."""

import asyncio
from typing import Final

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from aijobs.domain.lifecycle import JobStatus
from tests.stories.stack import StoryStack

WORDS: Final = "kumquat regatta"

#: What goes wrong, and the code that an operator reads in Temporal.
REFUSALS: Final = [
    ("failed", "provider_failed"),
    ("wrong_content", "output_refused"),
    ("reject_422", "provider_rejected"),
]


async def history_of(client: Client, workflow_id: str) -> bytes:
    """Every event of a closed workflow, as bytes, and its description."""
    handle = client.get_workflow_handle(workflow_id)
    async with asyncio.timeout(30):
        while (description := await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
            await asyncio.sleep(0.05)
    events = b"".join([event.SerializeToString() async for event in handle.fetch_history_events()])
    return events + description.raw_description.SerializeToString()


@pytest.mark.parametrize(("fault", "code"), REFUSALS)
async def test_temporal_has_the_code_and_the_owner_the_words(stack: StoryStack, fault: str, code: str) -> None:
    stack.sandbox.misbehave(fault, arg=WORDS if fault == "failed" else None)
    job = await stack.submit()
    await stack.statuses(job)

    error = (await stack.job(job))["error"]
    history = await history_of(await stack.temporal_client(), job)

    assert error["code"] == code
    assert error["message"] not in ("", code)
    assert error["message"].encode() not in history
    assert WORDS.encode() not in history
    assert code.encode() in history
    assert b"JobFailed" in history


async def test_a_callers_reason_stays_out_too(stack: StoryStack) -> None:
    stack.sandbox.misbehave("never_finishes")
    job = await stack.submit()
    await stack.until(job, JobStatus.PROCESSING)

    await stack.api.post(f"/api/jobs/{job}/cancel", json={"reason": WORDS}, headers={"Aijobs-User": "ada"})
    await stack.statuses(job)

    assert (await stack.job(job))["error"]["message"] == WORDS
    assert WORDS.encode() not in await history_of(await stack.temporal_client(), job)
