"""The test mode: a job's metadata say what the sandbox does wrong, and only the sandbox hears of it."""

from typing import Any

from tests.stories.stack import StoryStack


async def ended(stack: StoryStack, faults: str) -> dict[str, Any]:
    """A job with these faults, when it has ended."""
    code = await stack.submit(metadata={"sandbox": faults})
    await stack.statuses(code)
    return await stack.job(code)


async def test_a_job_fails_as_its_metadata_say(stack: StoryStack) -> None:
    job = await ended(stack, "failed=no lighthouse")

    assert (job["job_status_name"], job["charged"]) == ("FAILED", 0)
    assert "no lighthouse" in job["error"]["message"]


async def test_a_lost_answer_is_found_again_and_paid_once(stack: StoryStack) -> None:
    paid = stack.paid_submits()

    job = await ended(stack, "accept_then_drop")

    assert job["job_status_name"] == "SUCCESS", job["error"]
    assert stack.paid_submits() == paid + 1


async def test_a_fault_of_a_later_step_comes_with_the_submit(stack: StoryStack) -> None:
    job = await ended(stack, "server_error=503@get*2,expired_link*1")

    assert job["job_status_name"] == "SUCCESS", job["error"]


async def test_a_fault_that_nobody_knows_is_named(stack: StoryStack) -> None:
    job = await ended(stack, "acept_then_drop")

    assert job["job_status_name"] == "FAILED"
    assert "acept_then_drop" in job["error"]["message"]


async def test_the_answers_of_a_language_model_go_wrong_too(stack: StoryStack) -> None:
    asked = {"model_id": "chat_answer_v1", "params": {"prompt": "Why?"}, "user_id": "ada"}
    refused = await stack.api.post("/api/jobs", json={**asked, "metadata": {"sandbox": "answer_refused"}})
    code = refused.json()["code"]

    assert (await stack.statuses(code))[-1] == "FAILED"
    assert "refuses" in (await stack.job(code))["error"]["message"]


async def test_without_the_key_nothing_goes_wrong(stack: StoryStack) -> None:
    code = await stack.submit(metadata={"order": "failed"})

    assert (await stack.statuses(code))[-1] == "SUCCESS"
