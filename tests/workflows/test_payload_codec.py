"""Encrypted histories: jobs run as ever, old ones go on, keys change, and a missing key stops a job without harm."""

import asyncio
from pathlib import Path
from typing import Final

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Replayer

from aijobs.domain.jobs.job import JobState
from aijobs.domain.lifecycle import JobStatus as S
from aijobs.domain.values.payload_keys import PayloadKeys
from cli.embedded.temporal_server import TemporalServer
from tests.patience import PATIENCE
from tests.workflows.conftest import running_workbench
from tests.workflows.local import StepProvider
from worker import workflow_runner
from workflows.ai_job import AiJob
from workflows.data_converter import data_converter

OLD: Final = {"old": b"o" * 32}
NEW: Final = {"new": b"n" * 32}
STEPS: Final = (S.QUEUED, S.PROCESSING, S.GENERATED)

#: What an unencrypted history of a job shows of it.
VISIBLE: Final = (b"deadlines", b"overall_progress", b"Local for ada")


async def client_with(server: TemporalServer, keys: dict[str, bytes] | None) -> Client:
    converter = data_converter(PayloadKeys(keys) if keys else None)
    return await Client.connect(server.address, data_converter=converter)


async def history_bytes(job: WorkflowHandle[AiJob, JobState]) -> bytes:
    return b"".join([event.SerializeToString() async for event in job.fetch_history_events()])


async def test_a_job_runs_and_its_history_shows_nothing_of_it(
    database_kind: str, temporal: TemporalServer, tmp_path: Path
) -> None:
    client = await client_with(temporal, NEW)
    async with running_workbench(client, tmp_path, providers={"local": StepProvider(list(STEPS))}) as bench:
        job = await bench.start()
        state = await job.result()
        recorded = await history_bytes(job)
        replayer = Replayer(workflows=[AiJob], data_converter=client.data_converter, workflow_runner=workflow_runner())
        await replayer.replay_workflow(await job.fetch_history())

    assert state.job_status is S.SUCCESS
    assert b"encryption-key-id" in recorded
    assert [word for word in VISIBLE if word in recorded] == []


async def until_asked(provider: StepProvider, questions: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while provider.questions < questions:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("before", "after"), [(None, NEW), (OLD, {**NEW, **OLD})], ids=["from none", "to another"])
async def test_running_jobs_go_on_when_a_key_comes_or_changes(
    database_kind: str,
    temporal: TemporalServer,
    tmp_path: Path,
    before: dict[str, bytes] | None,
    after: dict[str, bytes],
) -> None:
    provider = StepProvider([S.QUEUED])
    async with running_workbench(await client_with(temporal, before), tmp_path, providers={"local": provider}) as bench:
        code = (await bench.start()).id
        await until_asked(provider, 2)

    client = await client_with(temporal, after)
    async with running_workbench(client, tmp_path, providers={"local": StepProvider(list(STEPS))}):
        job: WorkflowHandle[AiJob, JobState] = client.get_workflow_handle_for(AiJob.run, code)
        async with asyncio.timeout(30):
            state = await job.result()
        recorded = await history_bytes(job)

    assert state.job_status is S.SUCCESS
    assert b"new" in recorded


@pytest.mark.parametrize("wrong", [None, {"another": b"a" * 32}], ids=["no key", "another key"])
async def test_a_missing_key_is_named_and_the_job_goes_on_with_it(
    database_kind: str, temporal: TemporalServer, tmp_path: Path, wrong: dict[str, bytes] | None
) -> None:
    provider = StepProvider([S.QUEUED])
    async with running_workbench(await client_with(temporal, OLD), tmp_path, providers={"local": provider}) as bench:
        code = (await bench.start()).id
        await until_asked(provider, 2)
    client = await client_with(temporal, OLD)
    job: WorkflowHandle[AiJob, JobState] = client.get_workflow_handle_for(AiJob.run, code)

    async with running_workbench(await client_with(temporal, wrong), tmp_path, providers={"local": provider}):
        await job.signal(AiJob.provider_event, {})
        trouble = await failed_task(job)
    async with running_workbench(client, tmp_path, providers={"local": StepProvider(list(STEPS))}), asyncio.timeout(30):
        state = await job.result()

    assert "encrypted with the key old, which is not in AIJOBS_PAYLOADS__KEYS" in trouble
    assert state.job_status is S.SUCCESS


async def failed_task(job: WorkflowHandle[AiJob, JobState]) -> str:
    """What Temporal shows of a workflow's task that failed."""
    async with asyncio.timeout(30):
        while True:
            async for event in job.fetch_history_events():
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                    return event.workflow_task_failed_event_attributes.failure.message
            await asyncio.sleep(0.1)
