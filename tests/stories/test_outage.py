"""An outage delays jobs, and fails none before their deadline."""

import asyncio

from aijobs.domain.lifecycle import JobStatus
from tests.stories.stack import StoryStack


async def test_a_provider_that_is_away_only_delays(stack: StoryStack) -> None:
    stack.sandbox.misbehave("work_seconds", arg="1")
    before = await stack.submit(user="outage")
    await stack.until(before, JobStatus.SUBMITTED, user="outage")

    stack.sandbox.misbehave("outage")
    during = await stack.submit(user="outage")
    await asyncio.sleep(8)
    ended = [(await stack.job(code, user="outage"))["job_status"] >= JobStatus.SUCCESS for code in (before, during)]
    stack.sandbox.behave()

    assert ended == [False, False]
    assert (await stack.statuses(before, user="outage"))[-1] == "SUCCESS"
    await stack.api.post(f"/api/jobs/{during}/cancel", json={})  # what it still sends is no other test's
    await stack.statuses(during, user="outage")


async def test_a_delivery_host_that_is_away_only_delays(stack: StoryStack) -> None:
    code = await stack.submit(user="delivery", metadata={"sandbox": "server_error=503@delivery*4"})

    assert (await stack.statuses(code, user="delivery"))[-1] == "SUCCESS"
