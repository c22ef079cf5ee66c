"""The deadline of a stage that is polled: Temporal ends the poll at it, and a hint is heard until then."""

import asyncio
import time
from pathlib import Path
from typing import Final

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from aijobs.domain.jobs.job import JobState
from aijobs.domain.jobs.submissions import Ref
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot
from tests.patience import PATIENCE
from tests.workflows.conftest import Workbench, running_workbench
from tests.workflows.local import StepProvider
from workflows.ai_job import AiJob

S = JobStatus
DEADLINE: Final = 4.0
SLACK: Final = 4.0
"""For a busy machine."""

RARE_POLLS: Final = f"""
[models.local_v1]
deadlines = {{ queue = "{DEADLINE:g}s" }}
poll = {{ first = "100ms", factor = 300, max = "30s", jitter = 0 }}
"""


class Hanging(StepProvider):
    """Never answers a poll. Implements Provider."""

    async def query(self, ref: Ref) -> Snapshot:
        await asyncio.sleep(3600)
        return await super().query(ref)


async def timed_out_after(bench: Workbench, job: WorkflowHandle[AiJob, JobState], began: float) -> float:
    """Seconds until the job ended by its deadline."""
    with pytest.raises(WorkflowFailureError):
        await job.result()
    took = time.monotonic() - began
    last = (await bench.history(job.id))[-1]
    assert last.job_status is S.TIMEOUT
    assert last.detail["error"] == {
        "code": "deadline_passed",
        "message": "The queue deadline has passed.",
        "stage": "queue",
    }
    return took


@pytest.mark.parametrize(
    ("provider", "overlay"),
    [
        (StepProvider([S.QUEUED]), RARE_POLLS),
        (StepProvider([S.QUEUED]), RARE_POLLS.replace('first = "100ms"', 'first = "30s"')),
        (Hanging([S.QUEUED]), RARE_POLLS),
    ],
    ids=["before the next poll", "before the first poll", "during a poll"],
)
async def test_a_job_times_out_at_the_deadline_and_not_before(
    temporal_client: Client, tmp_path: Path, provider: StepProvider, overlay: str
) -> None:
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}, overlay=overlay) as bench:
        began = time.monotonic()
        took = await timed_out_after(bench, await bench.start(), began)

    assert DEADLINE <= took < DEADLINE + SLACK


async def test_a_hint_is_heard_although_the_next_poll_would_come_after_the_deadline(
    temporal_client: Client, tmp_path: Path
) -> None:
    overlay = RARE_POLLS.replace(f'"{DEADLINE:g}s"', '"20s"')
    provider = StepProvider([S.QUEUED, S.QUEUED, S.QUEUED, S.GENERATED])
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}, overlay=overlay) as bench:
        began = time.monotonic()
        job = await bench.start()
        while provider.questions < 3:  # news, no news, no news; the next poll would come in 30 s
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        await job.signal("provider_event", {})
        state = await job.result()

    assert state.job_status is S.SUCCESS
    assert time.monotonic() - began < 20


async def test_a_cancel_is_heard_while_the_job_waits_for_its_deadline(temporal_client: Client, tmp_path: Path) -> None:
    overlay = RARE_POLLS.replace(f'"{DEADLINE:g}s"', '"20s"')
    provider = StepProvider([S.QUEUED])
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}, overlay=overlay) as bench:
        job = await bench.start()
        while provider.questions < 3:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        await job.cancel(reason="enough")
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(WorkflowFailureError):
                await job.result()
        last = (await bench.history(job.id))[-1]

    assert (last.job_status, last.detail["error"]["message"]) == (S.CANCELED, "enough")
