"""Every failed job has a reason, refunds the points, and leaves no partial output."""

import pytest

from tests.stories.stack import StoryStack


@pytest.mark.parametrize(
    ("fault", "stage", "reason"),
    [
        ("reject_422", "submit", "could not be processed"),
        ("reject_402", "submit", "credit"),
        ("reject_401", "submit", "token"),
        ("failed", "processing", "CUDA out of memory"),
        ("wrong_content", "migrate", "HTML"),
        ("output_at", "migrate", "http://169.254.169.254"),
        ("redirect_private", "migrate", "169.254.169.254"),
        ("zero_outputs", "migrate", "no results"),
        ("length_lie", "migrate", "bytes"),
        ("output_erased", "migrate", "erased"),
    ],
)
async def test_what_the_provider_refuses_or_spoils_fails_with_its_reason(
    stack: StoryStack, fault: str, stage: str, reason: str
) -> None:
    stack.sandbox.misbehave(fault)
    user = f"user-{fault}"
    code = await stack.submit(user=user)

    statuses = await stack.statuses(code, user=user)

    job = await stack.job(code, user=user)
    assert statuses[-1] == "FAILED"
    assert job["error"]["stage"] == stage
    assert reason in job["error"]["message"]
    assert job["outputs"] == []
    assert await stack.points_used(user) == 0


async def test_a_link_that_stays_expired_fails_after_it_was_asked_for_anew(stack: StoryStack) -> None:
    stack.sandbox.misbehave("expired_link", times=0)
    code = await stack.submit(user="hopper")

    statuses = await stack.statuses(code, user="hopper")

    assert statuses[-1] == "FAILED"
    assert "expired" in (await stack.job(code, user="hopper"))["error"]["message"]


@pytest.mark.parametrize(
    "fault",
    [
        "throttled",
        "throttled_silently",
        "accept_then_drop",
        "accept_then_error",
        "unreadable_json",
        "no_id",
        "unknown_status",
        "missing_keys",
        "processing_with_output",
        "truncated_body",
        "expired_link",
        "output_as=object",
    ],
)
async def test_what_passes_is_survived_and_paid_once(stack: StoryStack, fault: str) -> None:
    name, _, arg = fault.partition("=")
    paid_before = stack.paid_submits()
    stack.sandbox.misbehave(name, arg=arg or None)
    code = await stack.submit()

    statuses = await stack.statuses(code)

    assert statuses[-1] == "SUCCESS"
    assert stack.paid_submits() == paid_before + 1


async def test_a_submit_without_an_answer_is_never_sent_again(stack: StoryStack) -> None:
    stack.sandbox.misbehave("drop_before_accept", times=0)
    paid_before = stack.paid_submits()
    code = await stack.submit(model="hasty_queue", user="shannon")

    events = await stack.events(code, user="shannon")

    assert [event["job_status_name"] for event in events if event["kind"] == "status"] == [
        "DRAFT",
        "SUBMITTED",
        "TIMEOUT",
    ]
    assert events[1]["detail"] == {"submission": 1, "outcome": "unknown"}
    assert stack.paid_submits() == paid_before
    points = (await stack.api.get("/api/points", headers={"Aijobs-User": "shannon"})).json()
    assert (points["used"], points["held"]) == (2, 2)


async def test_an_aborted_prediction_is_a_timeout_without_a_charge(stack: StoryStack) -> None:
    stack.sandbox.misbehave("aborted")
    code = await stack.submit(user="turing")

    statuses = await stack.statuses(code, user="turing")

    assert statuses[-1] == "TIMEOUT"
    assert await stack.points_used("turing") == 0
