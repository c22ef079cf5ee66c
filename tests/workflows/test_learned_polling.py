"""Polls whose times are learned: jobs that follow others of a known length."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.poll_timing import PollTiming
from aijobs.domain.jobs.activity_io import PollInput
from aijobs.domain.jobs.generation_times import ENOUGH_JOBS, NEARLY_DONE, GenerationTimes
from aijobs.domain.jobs.job import JobBrief
from aijobs.domain.jobs.poll_schedule import LearnedPolling, PollSchedule
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.generation_times import GenerationEnd
from aijobs.persistence.generation_times import count_ends, generation_times
from tests.workflows.conftest import Workbench, running_workbench
from tests.workflows.local import StepProvider

S = JobStatus
MODEL = "local_v1"
SUBMITTED_AT = datetime(2026, 1, 1, tzinfo=UTC)
BRIEF = JobBrief.model_validate(
    {
        "code": "job_1",
        "user_id": "ada",
        "model_id": MODEL,
        "model_name": "Local",
        "provider": "local",
        "asyn": True,
        "accepted_at": SUBMITTED_AT,
        "deadlines": {"submit": "1h", "queue": "1h", "processing": "1h", "migrate": "1h", "business": "24h"},
        "poll": {"first": "2s", "max": "15s", "jitter": 0.1},
    }
)


def learned(seconds: float) -> PollSchedule:
    times = GenerationTimes()
    for number in range(100):
        length = seconds * (0.9 + 0.002 * number)
        times = times.observed(length, length, dice=(0.5, 0.5))
    return PollSchedule(times, LearnedPolling())


SCHEDULES = st.sampled_from([None, learned(60), learned(2000)])


def timing(
    *, planned: float, now: float | None = None, asked: float | None = None, attempt: int = 1, hinted: bool = False
) -> PollTiming:
    """As the activity has it, with these seconds since the submission."""

    def at(seconds: float) -> datetime:
        return SUBMITTED_AT + timedelta(seconds=seconds)

    environment = ActivityEnvironment()
    environment.info = replace(
        environment.info,
        attempt=attempt,
        current_attempt_scheduled_time=at(planned),
        started_time=at(planned if now is None else now),
    )
    poll_input = PollInput(
        brief=BRIEF,
        job_status=S.PROCESSING,
        unit_progress=None,
        submitted_at=SUBMITTED_AT,
        asked_at=None if asked is None else at(asked),
        hinted=hinted,
    )
    return environment.run(PollTiming.of, poll_input, SUBMITTED_AT)


def test_after_news_the_next_question_waits_for_its_time_and_a_webhook_does_not() -> None:
    schedule = learned(60)

    left = timing(planned=4, asked=4).until_due(schedule, reports_progress=False)

    assert left is not None
    assert left > timedelta(seconds=20)
    assert timing(planned=4, asked=4, hinted=True).until_due(schedule, reports_progress=False) is None
    assert timing(planned=4, asked=4, attempt=2).until_due(schedule, reports_progress=False) is None
    assert timing(planned=4).until_due(schedule, reports_progress=False) is None


def test_a_provider_that_tells_its_progress_is_asked_as_often_as_the_policy_says() -> None:
    asked = timing(planned=10, attempt=2)

    assert asked.wait(learned(600), reports_progress=True, at_least=None) == timedelta(seconds=15)
    assert asked.wait(learned(600), reports_progress=False, at_least=None) > timedelta(seconds=40)


@given(st.floats(0, 5000), st.integers(1, 1000), SCHEDULES, st.floats(0, 300))
def test_the_providers_own_minimum_is_kept(
    planned: float, attempt: int, schedule: PollSchedule | None, least: float
) -> None:
    wait = timing(planned=planned, attempt=attempt).wait(
        schedule, reports_progress=False, at_least=timedelta(seconds=least)
    )

    assert wait >= timedelta(seconds=least)
    assert wait > timedelta(0)


@given(st.floats(0, 5000), st.floats(0, 100), st.floats(0, 5000), st.integers(1, 1000), SCHEDULES)
def test_an_end_lies_between_two_questions(
    planned: float, late: float, asked: float, attempt: int, schedule: PollSchedule | None
) -> None:
    """Also where the worker was away, and after a webhook."""
    for hinted in (False, True):
        found = timing(planned=planned, now=planned + late, asked=min(asked, planned), attempt=attempt, hinted=hinted)

        assert found.asked <= found.earliest_end(schedule) <= found.now


async def knows(bench: Workbench, seconds: float) -> None:
    """The installation has seen jobs of this length."""
    end = GenerationEnd(model_id=MODEL, parameter_class="", earliest=seconds, latest=seconds, dice=(0.5, 0.5))
    await bench.database.write(count_ends, [end] * 100)


async def test_a_learned_job_is_asked_a_few_times_and_its_end_is_recorded(
    temporal_client: Client, tmp_path: Path
) -> None:
    """The first question brings news; the second one is that of the end, and not one at once."""
    provider = StepProvider([S.PROCESSING, S.GENERATED])
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        await knows(bench, 2.5)
        job = await bench.start()
        await job.result()
        events = {event.job_status: event.at for event in await bench.history(job.id)}
        times = await bench.database.read(generation_times, MODEL, "")

    assert events[S.GENERATED] - events[S.PROCESSING] >= timedelta(seconds=0.5)
    assert times.jobs == 101


async def test_a_webhook_ends_the_wait_for_a_learned_time(temporal_client: Client, tmp_path: Path) -> None:
    provider = StepProvider([S.PROCESSING, S.GENERATED])
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        await knows(bench, 3600)
        job = await bench.start()
        while (await bench.history(job.id))[-1].job_status is not S.PROCESSING:
            await asyncio.sleep(0.05)
        await job.signal("provider_event", {})
        state = await job.result()

    assert state.job_status is S.SUCCESS
    assert provider.questions == 3, "the second one found the end, and the third one the outputs"


@pytest.mark.parametrize("overlay", ["", "[models.local_v1]\nlearning = { enabled = false }"])
async def test_without_enough_jobs_or_by_choice_the_poll_policy_counts(
    temporal_client: Client, tmp_path: Path, overlay: str
) -> None:
    provider = StepProvider([S.QUEUED, S.QUEUED, S.PROCESSING, S.GENERATED])
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}, overlay=overlay) as bench:
        if overlay:
            await knows(bench, 3600)
        state = await (await bench.start()).result()
        times = await bench.database.read(generation_times, MODEL, "")

    assert state.job_status is S.SUCCESS
    assert times.is_known is bool(overlay)
    assert times.jobs % ENOUGH_JOBS != 0


NOTHING_TOLD = """
[models.local_v1]
unit_progress = []
learning = { min = "200ms" }
"""


async def test_progress_that_a_provider_does_not_tell_is_estimated_and_marked(
    temporal_client: Client, tmp_path: Path
) -> None:
    provider = StepProvider([S.PROCESSING] * 12 + [S.GENERATED])
    async with running_workbench(
        temporal_client, tmp_path, providers={"local": provider}, overlay=NOTHING_TOLD
    ) as bench:
        await knows(bench, 2)
        job = await bench.start()
        await job.result()
        events = await bench.history(job.id)
    progress = [event for event in events if event.kind == "progress"]

    assert 1 <= len(progress) <= 4
    assert all(event.detail["estimated"] is True for event in progress)
    steps = [event.unit_progress or 0 for event in progress]
    assert steps == sorted(set(steps))
    assert steps[-1] <= NEARLY_DONE
    assert any("estimated_end" in event.detail for event in events)
