"""Cancellation in every status, by the API and by Temporal."""

import asyncio
import contextlib

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError

from aijobs.domain.lifecycle import JobStatus
from tests.patience import PATIENCE
from tests.stories.stack import StoryStack

STATUS_AND_FAULT = [
    (JobStatus.SUBMITTED, "hang=3"),
    (JobStatus.QUEUED, "never_starts"),
    (JobStatus.PROCESSING, "never_finishes"),
    (JobStatus.MIGRATING, "slow_body=1"),
]


@pytest.mark.parametrize(("status", "fault"), STATUS_AND_FAULT)
async def test_a_job_can_be_canceled_in_every_status(stack: StoryStack, status: JobStatus, fault: str) -> None:
    name, _, arg = fault.partition("=")
    user = f"canceler-{status.name}"
    stack.sandbox.misbehave(name, arg=arg or None)
    code = await stack.submit(user=user)
    if status is not JobStatus.SUBMITTED:
        await stack.until(code, status, user=user)

    response = await stack.api.post(
        f"/api/jobs/{code}/cancel", json={"reason": "changed my mind"}, headers={"Aijobs-User": user}
    )

    assert response.status_code == 202
    assert (await stack.statuses(code, user=user))[-1] == "CANCELED"
    notes = [event["detail"] for event in await stack.events(code, user=user) if event["kind"] == "note"]
    (request,) = [note for note in notes if note.get("cancel") == "requested"]
    assert request["reason"] == "changed my mind"
    assert request["by"] in {key["key_id"] for key in (await stack.api.get("/api/keys")).json()["data"]}
    job = await stack.job(code, user=user)
    assert job["error"]["message"] == "changed my mind"
    assert job["outputs"] == []
    assert await stack.points_used(user) == 0
    await workflow_closes(stack, code, WorkflowExecutionStatus.CANCELED)


async def test_the_provider_is_told_to_stop(stack: StoryStack) -> None:
    stack.sandbox.misbehave("never_finishes")
    code = await stack.submit()
    await stack.until(code, JobStatus.PROCESSING)

    await stack.api.post(f"/api/jobs/{code}/cancel", json={}, headers={"Aijobs-User": "ada"})

    last = (await stack.events(code))[-1]
    assert last["detail"]["provider_cancel"] == "canceled"


@pytest.mark.parametrize("way", ["signal", "temporal"])
async def test_temporals_own_ways_mean_the_same(stack: StoryStack, way: str) -> None:
    stack.sandbox.misbehave("never_finishes")
    code = await stack.submit(user=f"operator-{way}")
    await stack.until(code, JobStatus.PROCESSING, user=f"operator-{way}")
    handle = (await stack.temporal_client()).get_workflow_handle(code)

    await (handle.signal("cancel", "by an operator") if way == "signal" else handle.cancel(reason="by an operator"))

    assert (await stack.statuses(code, user=f"operator-{way}"))[-1] == "CANCELED"
    assert (await stack.job(code, user=f"operator-{way}"))["error"]["message"] == "by an operator"
    assert await stack.points_used(f"operator-{way}") == 0
    await workflow_closes(stack, code, WorkflowExecutionStatus.CANCELED)


async def test_a_finished_job_cannot_be_canceled(stack: StoryStack) -> None:
    code = await stack.submit()
    await stack.events(code)

    response = await stack.api.post(f"/api/jobs/{code}/cancel", json={}, headers={"Aijobs-User": "ada"})

    assert response.status_code == 409
    assert response.json()["code"] == "job_is_final"


async def workflow_closes(stack: StoryStack, code: str, expected: WorkflowExecutionStatus) -> None:
    handle = (await stack.temporal_client()).get_workflow_handle(code)
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(WorkflowFailureError):
            await handle.result()
    assert (await handle.describe()).status is expected
