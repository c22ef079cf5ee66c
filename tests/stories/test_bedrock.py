"""Bedrock: films in a bucket become our outputs, and an unknown submission is resolved by its token, paid once."""

from typing import Any

import pytest

from aijobs.domain.lifecycle import JobStatus
from tests.stories.stack import LUMA_RAY, StoryStack

FILM = {"prompt": "a lighthouse at dusk", "aspect_ratio": "1:1", "resolution": "540p"}


async def submit_film(stack: StoryStack, **fields: Any) -> str:
    """Submit a job and return its code."""
    request = {"model_id": LUMA_RAY, "user_id": "ada", "params": FILM, **fields}
    response = await stack.api.post("/api/jobs", json=request)
    assert response.status_code == 202, response.text
    return str(response.json()["code"])


def sent_again(events: list[dict[str, Any]]) -> int:
    return sum(event["detail"].get("sent") == "again" for event in events)


async def test_a_film_is_moved_from_the_bucket_into_our_store(stack: StoryStack) -> None:
    used = await stack.points_used("ada")

    code = await submit_film(stack)
    statuses = await stack.statuses(code)
    (output,) = (await stack.job(code))["outputs"]

    assert statuses[-3:] == ["GENERATED", "MIGRATING", "SUCCESS"]
    assert (output["media_type"], output["width"], output["height"]) == ("video/mp4", 540, 540)
    assert await stack.points_used("ada") == used + 100


@pytest.mark.parametrize("fault", ["accept_then_drop", "accept_then_error", "no_id"])
async def test_a_lost_answer_is_found_in_the_list_and_not_sent_again(stack: StoryStack, fault: str) -> None:
    paid = stack.paid_submits()
    stack.sandbox.misbehave(fault, on="create")

    events = await stack.events(await submit_film(stack))

    assert events[-1]["job_status_name"] == "SUCCESS"
    assert (stack.paid_submits() - paid, sent_again(events)) == (1, 0)


async def test_what_the_list_does_not_show_yet_is_answered_by_its_token(stack: StoryStack) -> None:
    paid = stack.paid_submits()
    stack.sandbox.misbehave("accept_then_drop", on="create")
    stack.sandbox.misbehave("list_lag", arg="600", on="list", times=0)

    events = await stack.events(await submit_film(stack))

    assert events[-1]["job_status_name"] == "SUCCESS"
    assert (stack.paid_submits() - paid, sent_again(events)) == (1, 1)


async def test_what_never_arrived_arrives_when_it_is_sent_again(stack: StoryStack) -> None:
    paid = stack.paid_submits()
    stack.sandbox.misbehave("drop_before_accept", on="create", times=2)

    events = await stack.events(await submit_film(stack))

    assert events[-1]["job_status_name"] == "SUCCESS"
    assert (stack.paid_submits() - paid, sent_again(events)) == (1, 2)


async def test_a_cancel_says_that_nothing_stops_there(stack: StoryStack) -> None:
    stack.sandbox.misbehave("never_finishes", on="create")
    code = await submit_film(stack)
    await stack.until(code, JobStatus.PROCESSING)

    await stack.api.post(f"/api/jobs/{code}/cancel", headers={"Aijobs-User": "ada"})

    last = (await stack.events(code))[-1]
    assert (last["job_status_name"], last["detail"]["provider_cancel"]) == ("CANCELED", "not_supported")
