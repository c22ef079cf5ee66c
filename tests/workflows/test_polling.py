"""Polling a provider: the number of events in the history, and the visible progress."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from aijobs.domain.jobs.job import JobBrief
from aijobs.domain.lifecycle import JobStatus
from cli.embedded.temporal_server import DYNAMIC_CONFIG, temporal_binary
from tests.workflows.conftest import running_workbench
from tests.workflows.local import StepProvider
from workflows.data_converter import DATA_CONVERTER
from workflows.search_attributes import ALL_ATTRIBUTES

S = JobStatus
ALL_THE_WAY = [S.QUEUED, S.PROCESSING, S.GENERATED]
MOST_EVENTS = 45


@pytest.mark.parametrize("quiet_questions", [0, 3, 30])
async def test_questions_without_news_leave_no_trace_in_the_history(
    temporal_client: Client, tmp_path: Path, quiet_questions: int
) -> None:
    provider = StepProvider([S.SUBMITTED] * quiet_questions + ALL_THE_WAY)
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        job = await bench.start()
        await job.result()
        history = await job.fetch_history()

    assert provider.questions >= quiet_questions + 3
    assert len(history.events) == 45 <= MOST_EVENTS


async def test_a_providers_way_back_is_ignored(temporal_client: Client, tmp_path: Path) -> None:
    provider = StepProvider([S.PROCESSING, S.QUEUED, S.QUEUED, S.GENERATED])
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        job = await bench.start()
        await job.result()
        path = [event.job_status for event in await bench.history(job.id) if event.kind == "status"]

    assert path == [S.DRAFT, S.SUBMITTED, S.PROCESSING, S.GENERATED, S.MIGRATING, S.SUCCESS]


async def test_queries_answer_from_the_steps_that_can_be_seen(temporal_client: Client, tmp_path: Path) -> None:
    provider = StepProvider([S.QUEUED, (S.PROCESSING, 37.0), (S.PROCESSING, 38.0)])
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        job = await bench.start()
        while provider.questions < 6:
            await job.query("state")
        progress = await job.query("progress")
        await job.cancel()
        with pytest.raises(WorkflowFailureError):
            await job.result()

    assert progress == {"job_status_name": "PROCESSING", "unit_progress": 37.0, "overall_progress": 56.17}


async def test_a_submission_that_never_arrived_ends_the_job_with_that_reason(
    temporal_client: Client, tmp_path: Path
) -> None:
    provider = StepProvider([S.QUEUED], arrives=False)
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        job = await bench.start()
        with pytest.raises(WorkflowFailureError):
            await job.result()
        last = (await bench.history(job.id))[-1]

    assert last.job_status is S.FAILED
    assert last.detail["error"]["code"] == "submission_lost"


@pytest.fixture
async def forgetful_client() -> AsyncIterator[Client]:
    """A server that suggests continue-as-new early."""
    config = {**DYNAMIC_CONFIG, "limit.historyCount.suggestContinueAsNew": "30"}
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary()),
        dev_server_log_level="error",
        dev_server_extra_args=[flag for item in config.items() for flag in ("--dynamic-config-value", "=".join(item))],
        search_attributes=list(ALL_ATTRIBUTES),
        data_converter=DATA_CONVERTER,
    ) as environment:
        yield environment.client


async def test_a_long_wait_continues_as_new_without_losing_anything(forgetful_client: Client, tmp_path: Path) -> None:
    provider = StepProvider([S.QUEUED] + [(S.PROCESSING, float(tenth * 10)) for tenth in range(1, 10)] + [S.GENERATED])
    async with running_workbench(forgetful_client, tmp_path, providers={"local": provider}) as bench:
        job = await bench.start()
        state = await job.result()
        history = await forgetful_client.get_workflow_handle(job.id).fetch_history()
        path = [event.job_status for event in await bench.history(job.id) if event.kind == "status"]

    started = history.events[0].workflow_execution_started_event_attributes
    (brief,) = await DATA_CONVERTER.decode(started.input.payloads, [JobBrief])
    assert started.continued_execution_run_id
    assert brief.submitted_at is not None, "polls are timed from the submission on"
    assert state.job_status is S.SUCCESS
    assert path == [S.DRAFT, S.SUBMITTED, *ALL_THE_WAY, S.MIGRATING, S.SUCCESS]


async def test_a_poll_without_news_touches_no_database(temporal_client: Client, tmp_path: Path) -> None:
    provider = StepProvider([S.QUEUED, (S.PROCESSING, 15.0)])
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        job = await bench.start()
        while (await bench.history(job.id))[-1].unit_progress != 15.0:
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)
        before = provider.questions
        await bench.database.close()
        while provider.questions < before + 5:
            await asyncio.sleep(0.05)
        described = await job.describe()
        await job.terminate()  # else the next test's worker asks for it

    (poll,) = described.raw_description.pending_activities
    assert poll.last_failure.message == "PROCESSING, 15 %"
    assert poll.last_failure.stack_trace == ""
