"""What an operator sees in Temporal: jobs, not the housekeeping, and failures in a line, not in tracebacks of ours."""

import asyncio

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from aijobs.domain.lifecycle import JobStatus
from tests.stories.stack import TIMEOUT, StoryStack


async def story_of(client: Client, workflow_id: str) -> str:
    """The history of a closed workflow, as the Web UI has it."""
    handle = client.get_workflow_handle(workflow_id)
    async with asyncio.timeout(TIMEOUT):
        while (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
            await asyncio.sleep(0.05)
    return (await handle.fetch_history()).to_json()


async def ended(stack: StoryStack, way: str) -> str:
    """A job that has ended in this way. Its code."""
    if way == "deadline_passed":
        stack.sandbox.misbehave("never_finishes")
        code = await stack.submit(model="hasty_processing")
    elif way == "canceled":
        stack.sandbox.misbehave("never_finishes")
        code = await stack.submit()
        await stack.until(code, JobStatus.PROCESSING)
        await stack.api.post(f"/api/jobs/{code}/cancel", json={}, headers={"Aijobs-User": "ada"})
    else:
        stack.sandbox.misbehave({"provider_failed": "failed", "provider_rejected": "reject_422"}[way])
        code = await stack.submit()
    await stack.statuses(code)
    return code


@pytest.mark.parametrize("way", ["provider_failed", "provider_rejected", "deadline_passed", "canceled"])
async def test_a_job_that_did_not_succeed_says_why_and_shows_no_code_of_ours(stack: StoryStack, way: str) -> None:
    code = await ended(stack, way)

    story = await story_of(await stack.temporal_client(), code)

    assert (await stack.job(code))["error"]["code"] == way
    assert way in story.lower()
    assert "stackTrace" not in story
    assert ".py" not in story


async def test_repair_and_retention_are_a_line_each(stack: StoryStack) -> None:
    client = await stack.temporal_client()
    seen: set[str] = set()
    async with asyncio.timeout(TIMEOUT):
        while len(seen) < 4:
            seen.add(await last_repair(stack))
            await asyncio.sleep(0.2)

    counts = {kind: await client.count_workflows(f"WorkflowType = '{kind}'") for kind in ("Repair", "Retention")}

    assert counts["Repair"].count == 1
    assert counts["Retention"].count <= 1


async def last_repair(stack: StoryStack) -> str:
    page = (await stack.api.get("/health")).text
    return page.split("Last repair run", 1)[1].split("</dd>", 1)[0]
