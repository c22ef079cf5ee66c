"""Points are settled by the provider's real outcome, however late it is known."""

from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.service import RPCError

from aijobs.domain.lifecycle import JobStatus
from tests.stories.stack import StoryStack

WHY = {"why": "seen in the provider's dashboard"}


async def entries_of(stack: StoryStack, user: str) -> list[str]:
    response = await stack.api.get("/api/points/entries", headers={"Aijobs-User": user})
    return [entry["kind"] for entry in reversed(response.json()["data"])]


async def wait_for_note(stack: StoryStack, code: str, user: str, key: str) -> dict[str, Any]:
    """Wait for the first note with `key`; returns its detail."""
    while True:
        history = await stack.api.get(
            f"/api/jobs/{code}/events", headers={"Aijobs-User": user, "Accept": "application/json"}
        )
        for event in history.json()["data"]:
            if event["kind"] == "note" and key in event["detail"]:
                found: dict[str, Any] = event["detail"]
                return found


async def submit_until_timeout(stack: StoryStack, user: str, *faults: tuple[str, str | None]) -> str:
    """Submit a job that ends in TIMEOUT while its provider continues."""
    stack.sandbox.misbehave("cancel_ignored", times=0)
    for fault, arg in faults:
        stack.sandbox.misbehave(fault, arg=arg)
    code = await stack.submit(model="hasty_processing", user=user)
    assert (await stack.statuses(code, user=user))[-1] == "TIMEOUT"
    return code


async def test_a_late_success_settles_the_points_and_can_be_fetched(stack: StoryStack) -> None:
    code = await submit_until_timeout(stack, "late-success", ("work_seconds", "5"))

    note = await wait_for_note(stack, code, "late-success", "late")
    again = await stack.api.post(
        f"/api/jobs/{code}/rerun", json={"from": "migration"}, headers={"Aijobs-User": "late-success"}
    )

    assert note == {"late": "GENERATED", "points": "settled"}
    assert again.status_code == 202, again.text
    statuses = await stack.statuses(again.json()["code"], user="late-success")
    assert statuses == ["DRAFT", "GENERATED", "MIGRATING", "SUCCESS"]
    assert await entries_of(stack, "late-success") == ["reserve", "hold", "settle", "reserve", "settle"]
    assert await stack.points_used("late-success") == 2


async def test_a_late_failure_gives_the_points_back(stack: StoryStack) -> None:
    code = await submit_until_timeout(stack, "late-failure", ("work_seconds", "5"), ("failed", "out of memory"))

    note = await wait_for_note(stack, code, "late-failure", "late")

    assert note == {"late": "FAILED", "points": "refunded"}
    assert await stack.points_used("late-failure") == 0


async def test_a_cancel_that_the_provider_ignores_is_settled_by_its_last_word(stack: StoryStack) -> None:
    stack.sandbox.misbehave("cancel_ignored", times=0)
    stack.sandbox.misbehave("work_seconds", arg="5")
    code = await stack.submit(model="hasty_migrate", user="ignored")
    await stack.until(code, JobStatus.PROCESSING, user="ignored")

    await stack.api.post(f"/api/jobs/{code}/cancel", headers={"Aijobs-User": "ignored"})
    ended = await stack.statuses(code, user="ignored")
    note = await wait_for_note(stack, code, "ignored", "late")

    assert ended[-1] == "CANCELED"
    assert note == {"late": "GENERATED", "points": "settled"}
    assert await entries_of(stack, "ignored") == ["reserve", "hold", "settle"]


async def test_an_operator_decides_what_nobody_can_know(stack: StoryStack) -> None:
    stack.sandbox.misbehave("drop_before_accept")
    code = await stack.submit(model="hasty_queue", user="in-doubt")
    await stack.events(code, user="in-doubt")

    decided = await stack.api.post(f"/api/jobs/{code}/resolve", json={"decision": "refund", **WHY})
    twice = await stack.api.post(f"/api/jobs/{code}/resolve", json={"decision": "charge", **WHY})

    assert decided.status_code == 200, decided.text
    assert twice.status_code == 409
    note = await wait_for_note(stack, code, "in-doubt", "resolved")
    assert (note["resolved"], note["why"]) == ("refund", WHY["why"])
    assert note["by"]
    assert await entries_of(stack, "in-doubt") == ["reserve", "hold", "refund"]
    assert await stack.points_used("in-doubt") == 0


async def test_an_operator_names_a_submission_that_was_lost(stack: StoryStack) -> None:
    stack.sandbox.misbehave("accept_then_drop")
    stack.sandbox.misbehave("list_lag", arg="3600")
    code = await stack.submit(user="attached")
    await stack.until(code, JobStatus.SUBMITTED, user="attached")
    prediction = stack.sandbox.ledger()[-1].id

    response = await stack.api.post(f"/api/jobs/{code}/resolve", json={"decision": "attach", "ref": prediction, **WHY})

    assert response.status_code == 200, response.text
    assert (await stack.statuses(code, user="attached"))[-1] == "SUCCESS"


async def test_a_failed_migration_is_run_again_without_paying_again(stack: StoryStack) -> None:
    stack.sandbox.misbehave("wrong_content")
    code = await stack.submit(user="again")
    assert (await stack.statuses(code, user="again"))[-1] == "FAILED"
    paid_before = stack.paid_submits()

    again = await stack.api.post(
        f"/api/jobs/{code}/rerun", json={"from": "migration"}, headers={"Aijobs-User": "again"}
    )

    assert (await stack.statuses(again.json()["code"], user="again"))[-1] == "SUCCESS"
    assert stack.paid_submits() == paid_before
    assert await stack.points_used("again") == 0
    assert (await wait_for_note(stack, code, "again", "rerun"))["rerun"] == again.json()["code"]


async def test_a_rerun_from_the_start_is_a_new_charged_job(stack: StoryStack) -> None:
    stack.sandbox.misbehave("failed")
    code = await stack.submit(user="anew")
    await stack.events(code, user="anew")
    header = {"Aijobs-User": "anew", "Idempotency-Key": "once"}

    again = await stack.api.post(f"/api/jobs/{code}/rerun", json={"from": "start"}, headers=header)
    repeated = await stack.api.post(f"/api/jobs/{code}/rerun", json={"from": "start"}, headers=header)

    assert repeated.json()["code"] == again.json()["code"] != code
    assert (await stack.statuses(again.json()["code"], user="anew"))[-1] == "SUCCESS"
    assert await stack.points_used("anew") == 2


@pytest.mark.parametrize("start", ["migration", "start"])
async def test_what_runs_cannot_be_rerun(stack: StoryStack, start: str) -> None:
    stack.sandbox.misbehave("never_finishes")
    code = await stack.submit(user="running")

    response = await stack.api.post(f"/api/jobs/{code}/rerun", json={"from": start}, headers={"Aijobs-User": "running"})

    assert response.status_code == 409
    assert response.json()["code"] == "cannot_rerun"
    await stack.api.post(f"/api/jobs/{code}/cancel", json={}, headers={"Aijobs-User": "running"})
    await stack.events(code, user="running")


async def test_a_job_whose_workflow_was_terminated_is_ended_by_repair(stack: StoryStack) -> None:
    stack.sandbox.misbehave("never_finishes")
    code = await stack.submit(user="terminated")
    await stack.until(code, JobStatus.PROCESSING, user="terminated")
    handle = (await stack.temporal_client()).get_workflow_handle(code)

    await handle.terminate(reason="by mistake")

    last = (await stack.events(code, user="terminated"))[-1]
    assert last["job_status_name"] == "CANCELED"
    assert last["detail"]["provider_cancel"] == "canceled"
    assert "terminated" in (await wait_for_note(stack, code, "terminated", "repair"))["repair"]
    assert await stack.points_used("terminated") == 0


async def test_a_job_whose_workflow_is_missing_is_taken_up_where_it_was(stack: StoryStack) -> None:
    stack.sandbox.misbehave("work_seconds", arg="8")
    code = await stack.submit(user="vanished")
    await stack.until(code, JobStatus.PROCESSING, user="vanished")
    paid_before = stack.paid_submits()
    await _delete_workflow(stack, code)

    statuses = await stack.statuses(code, user="vanished")

    assert statuses[-3:] == ["GENERATED", "MIGRATING", "SUCCESS"]
    assert "missing" in (await wait_for_note(stack, code, "vanished", "repair"))["repair"]
    assert stack.paid_submits() == paid_before


async def _delete_workflow(stack: StoryStack, code: str) -> None:
    """Delete the workflow, as if Temporal had lost it."""
    client = await stack.temporal_client()
    request = DeleteWorkflowExecutionRequest(
        namespace="default", workflow_execution=WorkflowExecution(workflow_id=code)
    )
    await client.workflow_service.delete_workflow_execution(request)
    while True:
        try:
            await client.get_workflow_handle(code).describe()
        except RPCError:
            return
