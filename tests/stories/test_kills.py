"""Whatever is killed, no job is lost and none is paid for twice."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from aijobs.domain.lifecycle import JobStatus
from cli.embedded.temporal_server import temporal_server
from tests.patience import PATIENCE
from tests.stories.stack import PHOTO, StoryStack, running_stack
from tests.stories.test_bedrock import submit_film
from tests.stories.test_happy_path import EVERY_STATUS
from workflows.client import REQUEST_TIMEOUT


def assert_goes_to_success(statuses: list[str]) -> None:
    """In order; statuses that passed between two polls may be missing."""
    assert statuses == [name for name in EVERY_STATUS if name in statuses]
    assert statuses[0] == "DRAFT"
    assert statuses[-3:] == ["GENERATED", "MIGRATING", "SUCCESS"]


@pytest.fixture(scope="module")
async def fragile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    async with running_stack(tmp_path_factory.mktemp("fragile")) as stack:
        yield stack


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (JobStatus.DRAFT, None),
        (JobStatus.SUBMITTED, "queue_seconds=2"),
        (JobStatus.QUEUED, "queue_seconds=2"),
        (JobStatus.PROCESSING, "work_seconds=3"),
        (JobStatus.GENERATED, None),
        (JobStatus.MIGRATING, "slow_body=0.2"),
    ],
)
async def test_a_worker_killed_in_any_stage_loses_nothing(
    fragile: StoryStack, status: JobStatus, fault: str | None
) -> None:
    fragile.sandbox.behave()
    if fault is not None:
        name, _, arg = fault.partition("=")
        fragile.sandbox.misbehave(name, arg=arg)
    paid_before = fragile.paid_submits()
    code = await fragile.submit()
    await fragile.until(code, *[later for later in JobStatus if later >= status])

    await fragile.kill("worker")
    await fragile.start("worker")

    events = await fragile.events(code)
    statuses = [event["job_status_name"] for event in events if event["kind"] == "status"]
    assert_goes_to_success(statuses)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert fragile.paid_submits() == paid_before + 1


async def test_a_worker_killed_in_the_middle_of_a_submit_does_not_pay_twice(fragile: StoryStack) -> None:
    fragile.sandbox.behave()
    fragile.sandbox.misbehave("hang", arg="5")
    paid_before = fragile.paid_submits()
    code = await fragile.submit(user="bell")
    while fragile.paid_submits() == paid_before:
        await asyncio.sleep(0.05)

    await fragile.kill("worker")
    await fragile.start("worker")

    events = await fragile.events(code, user="bell")
    submitted = next(event for event in events if event["job_status_name"] == "SUBMITTED")
    assert submitted["detail"]["outcome"] == "unknown"
    assert events[-1]["job_status_name"] == "SUCCESS"
    assert fragile.paid_submits() == paid_before + 1


async def test_what_was_being_sent_when_a_worker_was_killed_is_resolved_by_its_token(fragile: StoryStack) -> None:
    fragile.sandbox.behave()
    fragile.sandbox.misbehave("hang", arg="5", on="create")
    fragile.sandbox.misbehave("list_lag", arg="600", on="list", times=0)
    paid_before = fragile.paid_submits()
    code = await submit_film(fragile)
    while fragile.paid_submits() == paid_before:
        await asyncio.sleep(0.05)

    await fragile.kill("worker")
    await fragile.start("worker")

    events = await fragile.events(code)
    assert events[-1]["job_status_name"] == "SUCCESS"
    assert any(event["detail"].get("sent") == "again" for event in events)
    assert fragile.paid_submits() == paid_before + 1


async def test_a_stream_goes_on_where_it_was_when_the_api_is_killed(fragile: StoryStack) -> None:
    fragile.sandbox.behave()
    fragile.sandbox.misbehave("work_seconds", arg="3")
    code = await fragile.submit()
    seen = []
    try:
        async for event in fragile.stream(code):
            seen.append(event)
            if event["job_status"] == JobStatus.PROCESSING and len(seen) > 3:
                await fragile.kill("api")
    except httpx.TransportError:
        await fragile.start("api")

    seen += await fragile.events(code, after=seen[-1]["seq"])

    assert seen == await fragile.events(code)
    assert seen[-1]["job_status_name"] == "SUCCESS"


async def test_a_job_accepted_while_temporal_is_down_is_started_later(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as stack:
        address, data_dir = stack.temporal.address, tmp_path / "temporal"
        image = await stack.upload(PHOTO.read_bytes())
        await stack.temporal.process.stop()

        asked = time.monotonic()
        code = await stack.submit(params={"image": image})
        answered = time.monotonic() - asked
        readiness = await stack.api.get("/readyz")
        async with temporal_server(data_dir=data_dir, port=int(address.rpartition(":")[2])):
            events = await stack.events(code)

    assert answered < REQUEST_TIMEOUT.total_seconds(), "the answer does not wait for Temporal"
    assert readiness.status_code == 503
    assert "temporal" in readiness.text.lower()
    assert_goes_to_success([event["job_status_name"] for event in events if event["kind"] == "status"])
    assert not any("repair" in event["detail"] for event in events), "it was not left to the repair"


async def test_a_job_whose_api_is_killed_after_the_answer_is_started_by_a_worker(tmp_path: Path) -> None:
    async with running_stack(tmp_path, settings={"AIJOBS_WORKER__REPAIR_EVERY": "1h"}) as stack:
        paid_before, image = stack.paid_submits(), await stack.upload(PHOTO.read_bytes())
        code = await stack.submit(params={"image": image})
        await stack.kill("api")

        async with asyncio.timeout(PATIENCE):
            while stack.paid_submits() == paid_before:
                await asyncio.sleep(0.05)
        await stack.start("api")
        statuses = await stack.statuses(code)

    assert_goes_to_success(statuses)


async def test_temporal_killed_in_the_middle_goes_on_after_its_restart(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as stack:
        stack.sandbox.misbehave("work_seconds", arg="2")
        code = await stack.submit()
        await stack.until(code, JobStatus.PROCESSING)

        os.killpg(stack.temporal.process.pid, signal.SIGKILL)
        await stack.temporal.process.ended()
        port = int(stack.temporal.address.rpartition(":")[2])
        async with temporal_server(data_dir=tmp_path / "temporal", port=port):
            statuses = await stack.statuses(code)

        assert_goes_to_success(statuses)
        assert stack.paid_submits() == 1
