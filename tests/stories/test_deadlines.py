"""Each deadline, shortened through the catalogue."""

import pytest

from tests.stories.stack import StoryStack


@pytest.mark.parametrize(
    ("deadline", "fault"),
    [
        ("submit", "throttled=1"),
        ("queue", "never_starts"),
        ("processing", "never_finishes"),
        ("migrate", "slow_body=1"),
        ("business", "never_finishes"),
    ],
)
async def test_a_deadline_that_passes_is_named(stack: StoryStack, deadline: str, fault: str) -> None:
    name, _, arg = fault.partition("=")
    user = f"late-{deadline}"
    stack.sandbox.misbehave(name, arg=arg or None, times=0 if name == "throttled" else None)
    code = await stack.submit(model=f"hasty_{deadline}", user=user)

    statuses = await stack.statuses(code, user=user)

    job = await stack.job(code, user=user)
    assert statuses[-1] == "TIMEOUT"
    assert job["error"]["code"] == "deadline_passed"
    assert job["error"]["stage"] == deadline


async def test_a_stopped_prediction_gives_the_points_back(stack: StoryStack) -> None:
    stack.sandbox.misbehave("never_finishes")
    code = await stack.submit(model="hasty_processing", user="curie")

    last = (await stack.events(code, user="curie"))[-1]

    assert last["detail"]["provider_cancel"] == "canceled"
    assert await stack.points_used("curie") == 0


async def test_a_prediction_that_may_still_be_billed_holds_the_points(stack: StoryStack) -> None:
    stack.sandbox.misbehave("never_finishes")
    stack.sandbox.misbehave("cancel_ignored", times=0)
    code = await stack.submit(model="hasty_processing", user="lovelace")

    assert (await stack.statuses(code, user="lovelace"))[-1] == "TIMEOUT"

    points = (await stack.api.get("/api/points", headers={"Aijobs-User": "lovelace"})).json()
    assert (points["used"], points["held"]) == (2, 2)
