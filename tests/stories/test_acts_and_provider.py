"""What the provider is told and asked after an operator has ended a job that it works on."""

import asyncio

import pytest
from temporalio.api.enums.v1 import PendingActivityState

from aijobs.domain.jobs.job import late_watch_id
from aijobs.domain.lifecycle import JobStatus
from tests.stories.stack import TIMEOUT, StoryStack
from tests.stories.test_acts_of_operators import WHY, act, cancel_by_api
from tests.stories.test_operations import temporal
from tests.stories.test_settling import entries_of, wait_for_note

S = JobStatus


@pytest.mark.parametrize("what", ["fail", "terminate"])
async def test_the_provider_is_told_when_an_operator_ends_what_it_works_on(stack: StoryStack, what: str) -> None:
    """The step that watches, or the whole workflow."""
    user = f"works {what}"
    slow = ",hang=3@get*0" if what == "fail" else ""  # a step can be failed only while it is tried
    code = await stack.submit(user=user, metadata={"sandbox": f"never_finishes{slow}"})
    await stack.until(code, S.PROCESSING, user=user)

    if what == "fail":
        watching = await watch_on_the_wire(stack, code)
        await temporal(stack, "activity", "fail", "-w", code, "-a", watching, "--reason", "enough")
    else:
        await act("workflow", "terminate", "-w", "JOB", *WHY)(stack, code)

    last = (await stack.events(code, user=user))[-1]
    assert last["job_status_name"] == ("FAILED" if what == "fail" else "CANCELED")
    assert last["detail"]["provider_cancel"] == "canceled"
    assert await entries_of(stack, user) == ["reserve", "refund"]


async def watch_on_the_wire(stack: StoryStack, code: str) -> str:
    """The id of the step that watches the job, when it has just begun to ask."""
    handle = (await stack.temporal_client()).get_workflow_handle(code)
    seen: tuple[str, int] | None = None
    async with asyncio.timeout(TIMEOUT):
        while True:
            for step in (await handle.describe()).raw_description.pending_activities:
                if step.state != PendingActivityState.PENDING_ACTIVITY_STATE_STARTED:
                    continue
                if seen is not None and (step.activity_id, step.attempt) != seen:
                    return step.activity_id
                seen = step.activity_id, step.attempt
            await asyncio.sleep(0.05)


async def test_held_points_of_a_terminated_job_are_settled_by_the_providers_word(stack: StoryStack) -> None:
    stack.sandbox.misbehave("cancel_ignored", times=0)
    stack.sandbox.misbehave("work_seconds", arg="12")
    code = await stack.submit(model="hasty_migrate", user="terminated late")
    await stack.until(code, S.PROCESSING, user="terminated late")

    await act("workflow", "terminate", "-w", "JOB", *WHY)(stack, code)

    assert (await stack.statuses(code, user="terminated late"))[-1] == "CANCELED"
    assert await entries_of(stack, "terminated late") == ["reserve", "hold"]
    assert (await wait_for_note(stack, code, "terminated late", "late"))["points"] == "settled"
    assert await entries_of(stack, "terminated late") == ["reserve", "hold", "settle"]


async def test_a_late_watch_that_is_missing_is_started(stack: StoryStack) -> None:
    stack.sandbox.misbehave("cancel_ignored", times=0)
    stack.sandbox.misbehave("work_seconds", arg="20")
    code = await stack.submit(model="hasty_migrate", user="unwatched")
    await stack.until(code, S.PROCESSING, user="unwatched")
    await cancel_by_api(stack, code)
    assert (await stack.statuses(code, user="unwatched"))[-1] == "CANCELED"

    await temporal(stack, "workflow", "delete", "-w", late_watch_id(code), "-y")

    assert "late watch" in (await wait_for_note(stack, code, "unwatched", "repair"))["repair"]
    assert (await wait_for_note(stack, code, "unwatched", "late"))["points"] == "settled"
