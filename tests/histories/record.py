"""Records the histories that test_replay.py replays: `python -m tests.histories.record VERSION [SCENE …]`.

Old files stay, for jobs that began with older code may still be running somewhere; new ones get a folder of their own.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.worker import Worker

from aijobs.domain.jobs.batches.batch import BatchBrief, BatchLook, BatchPhase
from aijobs.domain.jobs.job import JobState
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.generators import Generator
from cli.embedded.temporal_server import temporal_server
from tests.workflows.conftest import running_workbench
from tests.workflows.local import Echo, StepProvider
from worker import workflow_runner
from workflows.ai_batch import AiBatch
from workflows.ai_job import AiJob
from workflows.data_converter import DATA_CONVERTER
from workflows.task_queues import WORKFLOWS

HERE: Final = Path(__file__).parent

Job = WorkflowHandle[AiJob, JobState]
Act = Callable[[Job], Awaitable[None]]


async def nothing(_job: Job) -> None: ...


async def signal_cancel(job: Job) -> None:
    await asyncio.sleep(0.5)
    await job.signal("cancel", "by signal")


async def temporal_cancel(job: Job) -> None:
    await asyncio.sleep(0.5)
    await job.cancel(reason="by Temporal")


async def hint(job: Job) -> None:
    await asyncio.sleep(0.5)
    await job.signal("provider_event", {})


async def late_hint(job: Job) -> None:
    await asyncio.sleep(3)
    await job.signal("provider_event", {})


#: name → what the provider says, what the operator lays over the model, what is done to the job
SCENES: Final[dict[str, tuple[list[JobStatus | tuple[JobStatus, float]], str, Act]]] = {
    "success": (
        [JobStatus.QUEUED, JobStatus.PROCESSING, (JobStatus.PROCESSING, 55.0), JobStatus.GENERATED],
        "",
        nothing,
    ),
    "webhook": ([JobStatus.QUEUED, JobStatus.GENERATED], 'poll = { first = "3s" }', hint),
    "failed": ([JobStatus.QUEUED, JobStatus.FAILED], "", nothing),
    "deadline": ([JobStatus.QUEUED], 'deadlines = { queue = "2s" }', nothing),
    "hint_before_deadline": (
        [JobStatus.QUEUED, JobStatus.QUEUED, JobStatus.QUEUED, JobStatus.GENERATED],
        'deadlines = { queue = "10s" }\npoll = { first = "100ms", factor = 1000, max = "1h", jitter = 0 }',
        late_hint,
    ),
    "signal_cancel": ([JobStatus.PROCESSING], "", signal_cancel),
    "temporal_cancel": ([JobStatus.PROCESSING], "", temporal_cancel),
    "late": ([JobStatus.PROCESSING], 'deadlines = { processing = "2s" }', nothing),
    "generate": ([], "asyn = false", nothing),
    "cancel_in_submit": ([JobStatus.PROCESSING], "", signal_cancel),
    "temporal_cancel_in_submit": ([JobStatus.PROCESSING], "", temporal_cancel),
}


BATCH: Final = "batch"  #: the one scene that is no job's

#: Scenes in which the provider turns the first request away.
REFUSED: Final = frozenset({"cancel_in_submit", "temporal_cancel_in_submit"})


async def record(version: str, names: Sequence[str]) -> None:
    (HERE / version).mkdir(exist_ok=True)
    if not names or BATCH in names:
        await record_batch(version)
    async with temporal_server(data_dir=None) as server:
        client = await Client.connect(server.address, data_converter=DATA_CONVERTER)
        for name in [name for name in names or SCENES if name != BATCH]:
            script, overlay, act = SCENES[name]
            history = await _one(client, name, script, f"[models.local_v1]\n{overlay}", act)
            (HERE / version / f"{name}.json").write_text(history)


async def record_batch(version: str) -> None:
    """A batch that moves, rests until it is woken, rests for its time, and is over."""
    looks = iter(
        [
            BatchLook(phase=BatchPhase.FEEDING),
            BatchLook(phase=BatchPhase.RESTING, look_after=timedelta(hours=1)),
            BatchLook(phase=BatchPhase.RESTING, look_after=timedelta(seconds=1)),
            BatchLook(phase=BatchPhase.OVER),
        ]
    )

    @activity.defn(name="feed_batch")
    async def feed(_code: str) -> BatchLook:
        return next(looks)

    async with temporal_server(data_dir=None) as server:
        client = await Client.connect(server.address, data_converter=DATA_CONVERTER)
        runner = workflow_runner()
        async with Worker(client, task_queue=WORKFLOWS, workflows=[AiBatch], activities=[feed], workflow_runner=runner):
            batch = await client.start_workflow(
                AiBatch.run, BatchBrief(code="batch_1"), id="batch_1", task_queue=WORKFLOWS
            )
            await asyncio.sleep(1)
            await batch.signal(AiBatch.wake)
            await batch.result()
            (HERE / version / "batch.json").write_text(_anonymous((await batch.fetch_history()).to_json()))


async def _one(
    client: Client, name: str, script: list[JobStatus | tuple[JobStatus, float]], overlay: str, act: Act
) -> str:
    async def pause() -> None:
        await asyncio.sleep(0.1)

    generators: dict[str, Generator] = {"local": Echo(pause)}
    providers = {"local": StepProvider(script, stops=name != "late", refusals=name in REFUSED)}
    with tempfile.TemporaryDirectory() as directory:
        async with running_workbench(
            client, Path(directory), providers=providers, generators=generators, overlay=overlay
        ) as bench:
            job = await bench.start()
            await act(job)
            with suppress(WorkflowFailureError):
                await job.result()
            return _anonymous((await job.fetch_history()).to_json())


def _anonymous(history: str) -> str:
    """The history without stack traces and host names, which replaying does not need."""
    return json.dumps(_without_places(json.loads(history)), indent=1)


def _without_places(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_places(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _without_places(inner) for key, inner in value.items() if key not in {"stackTrace", "identity"}}
    return value


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1] if len(sys.argv) > 1 else "v0_4", sys.argv[2:]))
