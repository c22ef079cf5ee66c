"""Midjourney: four pictures from a prompt, actions on one of them, and nothing paid twice."""

import io
from typing import Any

import pytest
from PIL import Image

from aijobs.domain.lifecycle import JobStatus
from tests.patience import http_client
from tests.stories.stack import MIDJOURNEY, PHOTO, StoryStack
from tests.stories.test_settling import wait_for_note

PROMPT = {"prompt": "a lighthouse above the clouds", "aspect": "3:2"}


async def submit_midjourney(stack: StoryStack, **fields: Any) -> str:
    """Submit a job and return its code."""
    request = {"model_id": MIDJOURNEY, "user_id": "ada", "params": PROMPT, **fields}
    response = await stack.api.post("/api/jobs", json=request)
    assert response.status_code == 202, response.text
    return str(response.json()["code"])


async def size_of(url: str) -> tuple[int, int]:
    async with http_client() as http:
        content = (await http.get(url)).raise_for_status().content
    with Image.open(io.BytesIO(content)) as picture:
        return picture.size


async def test_a_prompt_becomes_a_grid_and_four_pictures_of_ours(stack: StoryStack) -> None:
    paid, used = stack.paid_submits(), await stack.points_used("ada")
    stack.sandbox.misbehave("work_seconds", arg="3")

    code = await submit_midjourney(stack)
    events = await stack.events(code)

    statuses = [event["job_status_name"] for event in events if event["kind"] == "status"]
    assert (statuses[0], statuses[-3:]) == ("DRAFT", ["GENERATED", "MIGRATING", "SUCCESS"])
    assert any(event["unit_progress"] for event in events if event["job_status_name"] == "PROCESSING")
    outputs = (await stack.job(code))["outputs"]
    assert [output["index"] for output in outputs] == [0, 1, 2, 3, 4]
    grid, *singles = [await size_of(output["url"]) for output in outputs]
    assert singles == [(grid[0] // 2, grid[1] // 2)] * 4
    assert (stack.paid_submits(), await stack.points_used("ada")) == (paid + 1, used + 1)


async def test_one_of_the_four_is_enlarged_by_a_job_of_its_own(stack: StoryStack) -> None:
    origin = await submit_midjourney(stack)
    await stack.events(origin)
    drawn = await stack.job(origin)
    paid = stack.paid_submits()
    assert "upsample3" in drawn["actions"]

    code = await submit_midjourney(stack, action="upsample3", params={"origin": origin})
    assert (await stack.statuses(code))[-1] == "SUCCESS"

    enlarged = await stack.job(code)
    assert (enlarged["origin"], len(enlarged["outputs"])) == (origin, 1)
    single = drawn["outputs"][3]
    assert enlarged["outputs"][0]["width"] == 2 * single["width"]
    assert "upscale_subtle" in enlarged["actions"]
    assert stack.paid_submits() == paid + 1


@pytest.mark.parametrize("fault", ["accept_then_drop", "accept_then_error", "unreadable_json", "no_id"])
async def test_a_lost_answer_is_found_again_by_the_prompt_and_never_paid_twice(stack: StoryStack, fault: str) -> None:
    paid = stack.paid_submits()
    stack.sandbox.misbehave(fault, on="create")

    code = await submit_midjourney(stack)

    assert (await stack.statuses(code))[-1] == "SUCCESS"
    assert stack.paid_submits() == paid + 1


async def test_a_full_queue_is_waited_for_and_nothing_is_paid_twice(stack: StoryStack) -> None:
    paid = stack.paid_submits()
    stack.sandbox.misbehave("queue_exhausted", times=2)

    code = await submit_midjourney(stack)

    assert (await stack.statuses(code))[-1] == "SUCCESS"
    assert stack.paid_submits() == paid + 1


async def test_a_refusal_with_http_200_fails_at_once_and_gives_the_points_back(stack: StoryStack) -> None:
    used = await stack.points_used("ada")
    stack.sandbox.misbehave("refused_with_200")

    code = await submit_midjourney(stack)

    assert await stack.statuses(code) == ["DRAFT", "FAILED"]
    error = (await stack.job(code))["error"]
    assert (error["code"], error["message"]) == ("provider_rejected", "The prompt was rejected.")
    assert await stack.points_used("ada") == used


async def test_a_job_that_ttapi_fails_says_why(stack: StoryStack) -> None:
    stack.sandbox.misbehave("failed", arg="Banned prompt detected")

    code = await submit_midjourney(stack)

    assert (await stack.statuses(code))[-1] == "FAILED"
    assert (await stack.job(code))["error"]["message"] == "Banned prompt detected"


async def test_a_cancel_says_that_the_vendor_cannot_be_stopped(stack: StoryStack) -> None:
    stack.sandbox.misbehave("work_seconds", arg="30")
    code = await submit_midjourney(stack)
    await stack.until(code, JobStatus.PROCESSING)

    await stack.api.post(f"/api/jobs/{code}/cancel", headers={"Aijobs-User": "ada"})

    last = (await stack.events(code))[-1]
    assert (last["job_status_name"], last["detail"]["provider_cancel"]) == ("CANCELED", "not_supported")


async def test_what_was_given_up_is_settled_by_the_vendors_last_word_and_can_still_be_had(stack: StoryStack) -> None:
    stack.sandbox.misbehave("work_seconds", arg="5")
    user = "late-painter"
    code = await submit_midjourney(stack, model_id="hasty_midjourney", user_id=user)
    assert (await stack.statuses(code, user=user))[-1] == "TIMEOUT"

    note = await wait_for_note(stack, code, user, "late")
    again = await stack.api.post(f"/api/jobs/{code}/rerun", json={"from": "migration"}, headers={"Aijobs-User": user})

    assert note == {"late": "GENERATED", "points": "settled"}
    rerun = again.json()["code"]
    assert (await stack.statuses(rerun, user=user))[-1] == "SUCCESS"
    job = await stack.job(rerun, user=user)
    assert len(job["outputs"]) == 5
    assert "upsample1" in job["actions"]
    assert await stack.points_used(user) == 1


async def test_a_hook_makes_the_next_question_happen_now_and_an_upload_is_drawn_after(public_stack: StoryStack) -> None:
    upload = await public_stack.upload(PHOTO.read_bytes())

    code = await submit_midjourney(public_stack, params={"prompt": "in winter", "images": upload})
    statuses = await public_stack.statuses(code)

    assert statuses[-1] == "SUCCESS"
    response = await public_stack.api.get(
        f"/api/jobs/{code}", params={"expand": "exchange"}, headers={"Aijobs-User": "ada"}
    )
    sent = response.json()["req_json"]["body"]
    assert sent["prompt"].startswith(str(public_stack.api.base_url))
    assert sent["hookUrl"].endswith("/api/webhooks/ttapi/***")


async def test_a_lost_action_is_found_by_its_hook(public_stack: StoryStack) -> None:
    origin = await submit_midjourney(public_stack)
    await public_stack.events(origin)
    paid = public_stack.paid_submits()
    public_stack.sandbox.misbehave("accept_then_drop", on="create")

    code = await submit_midjourney(public_stack, action="variation1", params={"origin": origin})

    assert (await public_stack.statuses(code))[-1] == "SUCCESS"
    assert len((await public_stack.job(code))["outputs"]) == 5
    assert public_stack.paid_submits() == paid + 1
