"""What an operator does with one job, or with a thousand."""

import asyncio
import json

from aijobs.domain.lifecycle import JobStatus
from tests.operations.conftest import submit_endless
from tests.operations.page import act
from tests.stories.stack import PHOTO, TIMEOUT, UPSCALE, StoryStack
from tests.stories.test_operations import listed_ids, temporal
from tests.stories.test_settling import entries_of, wait_for_note

MANY = 12


async def until_listed(stack: StoryStack, query: str, count: int) -> None:
    """Visibility lags behind."""
    async with asyncio.timeout(TIMEOUT):
        while len(await listed_ids(stack, query)) < count:
            await asyncio.sleep(0.2)


async def vendors_id(stack: StoryStack, code: str, user: str) -> str:
    found: str = (await stack.job(code, user=user))["out_id"]
    return found


async def test_find(stack: StoryStack) -> None:
    code = await submit_endless(stack, "findable")
    await until_listed(stack, "JobUser='findable' AND JobStatus='PROCESSING'", 1)
    variables = {"CODE": code, "USER_ID": "findable", "VENDOR_ID": await vendors_id(stack, code, "findable")}

    with act(stack, "Find a job") as find:
        ours = await find.run(**variables)
        theirs = await find.run(**variables)

    assert ours.out.count(code) == 3
    assert theirs.out.count(code) == 2
    assert "Running" in theirs.out


async def test_progress(stack: StoryStack) -> None:
    code = await submit_endless(stack, "asked")

    with act(stack, "Ask a job how far it is") as ask:
        answer = await ask.run(CODE=code)

    assert answer.out.count("PROCESSING") >= 3
    assert "watch" in answer.out  # the step that is under way


async def test_cancel(stack: StoryStack) -> None:
    first, second = await submit_endless(stack, "cancels"), await submit_endless(stack, "cancels")

    with act(stack, "Cancel a job") as cancel:
        await cancel.run(CODE=first)
        await cancel.run(CODE=second)

    for code in (first, second):
        assert (await stack.statuses(code, user="cancels"))[-1] == "CANCELED"
    assert (await stack.job(first, user="cancels"))["error"]["message"] == "The customer called."


async def test_cancel_many(stack: StoryStack) -> None:
    stack.sandbox.misbehave("never_finishes", times=0)
    image = await stack.upload(PHOTO.read_bytes(), user="many")

    async def submit_many() -> list[str]:
        codes = [await stack.submit(user="many", params={"image": image}) for _ in range(MANY)]
        for code in codes:
            await stack.until(code, JobStatus.PROCESSING, user="many")
        return codes

    with act(stack, "Cancel a thousand") as cancel:
        by_list = await submit_many()
        await cancel.run(USER_ID="many")
        for code in by_list:
            assert (await stack.statuses(code, user="many"))[-1] == "CANCELED"

        by_query = await submit_many()
        await until_listed(stack, "JobUser='many' AND ExecutionStatus='Running'", MANY)
        batch = await cancel.run(USER_ID="many")
        for code in by_query:
            assert (await stack.statuses(code, user="many"))[-1] == "CANCELED"

        rows = [{"params": {"image": image}} for _ in range(MANY)]
        body = {"model_id": UPSCALE, "rows": rows, "user_id": "many"}
        made = await stack.api.post("/api/batches", json=body)
        await cancel.run(BATCH=made.json()["code"])

    assert f"Total: {MANY}" in batch.out
    async with asyncio.timeout(TIMEOUT):
        while (await stack.api.get(f"/api/batches/{made.json()['code']}")).json()["status"] != "CANCELED":
            await asyncio.sleep(0.2)


async def test_hold(stack: StoryStack) -> None:
    code = await submit_endless(stack, "held")

    with act(stack, "Hold one job") as hold:
        held = await hold.run(CODE=code)
        await hold.run(CODE=code)

    assert "Paused" in held.out
    await temporal(stack, "workflow", "cancel", "-w", code)
    assert (await stack.statuses(code, user="held"))[-1] == "CANCELED"


async def test_reset(stack: StoryStack) -> None:
    code = await submit_endless(stack, "reset")
    sent = stack.paid_submits()

    with act(stack, "Reset a job") as reset:
        await reset.run(CODE=code)

    await temporal(stack, "workflow", "cancel", "-w", code)
    assert (await stack.statuses(code, user="reset"))[-1] == "CANCELED"
    assert stack.paid_submits() == sent


async def test_terminate(stack: StoryStack) -> None:
    code = await submit_endless(stack, "terminated")

    with act(stack, "Terminate a job") as terminate:
        await terminate.run(CODE=code)

    assert (await stack.statuses(code, user="terminated"))[-1] == "CANCELED"


async def test_hang(stack: StoryStack) -> None:
    stack.sandbox.misbehave("throttled", arg="30", on="create", times=0)
    code = await stack.submit(user="hanging")
    async with asyncio.timeout(TIMEOUT):
        while (await stack.job(code, user="hanging"))["waiting"] is None:
            await asyncio.sleep(0.2)

    with act(stack, "A job hangs") as hang:
        answer = await hang.run(CODE=code)

    assert "waits for" in answer.out
    assert "submit" in answer.out
    assert "WorkflowExecutionStarted" in answer.out
    await stack.api.post(f"/api/jobs/{code}/cancel", json={})
    assert (await stack.statuses(code, user="hanging"))[-1] == "CANCELED"


async def test_who_canceled_it(stack: StoryStack) -> None:
    by_key, by_temporal = await submit_endless(stack, "who"), await submit_endless(stack, "who")
    await stack.api.post(f"/api/jobs/{by_key}/cancel", json={"reason": "No longer wanted."})
    await temporal(stack, "workflow", "cancel", "-w", by_temporal)
    for code in (by_key, by_temporal):
        await stack.statuses(code, user="who")

    with act(stack, "Who canceled it") as who:
        answer = await who.run(CODE=by_key)
        history = await who.run(TEMPORAL_CODE=by_temporal)

    event, *keys = answer.out.splitlines()
    detail = json.loads(event)["detail"]
    assert detail["reason"] == "No longer wanted."
    assert any(detail["by"] in line for line in keys)
    assert "identity" in history.out


async def test_charged(stack: StoryStack) -> None:
    stack.sandbox.behave()
    code = await stack.submit(user="charged")
    assert (await stack.statuses(code, user="charged"))[-1] == "SUCCESS"
    unknown = await lost_submission(stack, "lost")
    lost = stack.sandbox.ledger()[-1].id
    held = await held_points(stack, "undecided")

    with act(stack, "The vendor says that it charged us") as charged:
        found = await charged.run(CODE=code, VENDOR_ID=await vendors_id(stack, code, "charged"))
        await charged.run(UNKNOWN_CODE=unknown, LOST_ID=lost)
        await charged.run(HELD_CODE=held)

    assert found.out.count(code) >= 2
    assert "req_json" in found.out
    assert "balances" in found.out
    assert (await wait_for_note(stack, held, "undecided", "resolved"))["resolved"] == "refund"
    assert (await entries_of(stack, "undecided"))[-1] == "refund"
    assert (await stack.statuses(unknown, user="lost"))[-1] == "SUCCESS"


async def lost_submission(stack: StoryStack, user: str) -> str:
    """A job whose answer was lost, and that its vendor does not list."""
    stack.sandbox.misbehave("accept_then_drop")
    stack.sandbox.misbehave("list_lag", arg="3600", times=0)
    code = await stack.submit(user=user)
    async with asyncio.timeout(TIMEOUT):
        while ((await stack.job(code, user=user))["waiting"] or {}).get("for") != "unknown_submission":
            await asyncio.sleep(0.2)
    return code


async def held_points(stack: StoryStack, user: str) -> str:
    """A job that has ended as TIMEOUT while its vendor goes on."""
    stack.sandbox.misbehave("cancel_ignored", times=0)
    stack.sandbox.misbehave("never_finishes")
    code = await stack.submit(model="hasty_processing", user=user)
    assert (await stack.statuses(code, user=user))[-1] == "TIMEOUT"
    return code
