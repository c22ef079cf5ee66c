"""A burst of jobs against a burst of bare workflows with the same steps: jobs a second, and processor time per job."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, Final

from temporalio.client import Client, WorkflowHandle

from bench.baseline.workflows import WORKFLOW_QUEUE, BareSteps
from bench.billable_actions import Count, counted
from bench.report import Aim, Report, ratio
from bench.rig.our_worker import FIRST_PAUSE
from bench.rig.processes import started
from bench.rig.resource_usage import cpu_seconds, machine_seconds
from bench.rig.workspace import Workspace, catalogue_with_polls, opened_workspace
from cli.embedded.processes import Process
from cli.embedded.temporal_server import TemporalServer, temporal_server
from workflows.data_converter import DATA_CONVERTER

JOBS: Final = 300
ROUNDS: Final = 3
STARTS_AT_ONCE: Final = 30
WARMUP_ROUNDS: Final = 5
TIMEOUT_SECONDS: Final = 180
LEAST_SHARE: Final = 0.85

#: Cores that other processes may use; above it, jobs per second are not meaningful.
QUIET_CORES: Final = 0.2

Start = Callable[[], Awaitable[WorkflowHandle[Any, Any]]]

_numbers = count(1)


@dataclass(frozen=True)
class Round:
    """One burst. Processor time in milliseconds per job; `others`: cores used by other processes meanwhile."""

    jobs_per_second: float
    server: float
    worker: float
    client: float
    others: float

    @property
    def cpu(self) -> float:
        return self.server + self.worker + self.client


@dataclass(frozen=True)
class Contender:
    """`start` starts one job or workflow."""

    start: Start
    server: TemporalServer
    worker: Process

    async def burst(self, jobs: int) -> Round:
        before, machine, started_at = self._spent(), machine_seconds(), time.monotonic()
        await self._run(jobs)
        seconds = time.monotonic() - started_at
        spent = [after - earlier for after, earlier in zip(self._spent(), before, strict=True)]
        server, worker, client = (1000 * one_round / jobs for one_round in spent)
        others = (machine_seconds() - machine - sum(spent)) / seconds
        return Round(jobs / seconds, server, worker, client, others)

    async def count(self) -> Count:
        """Events and actions of one job in Temporal."""
        handle = await self.start()
        await handle.result()
        return counted((await handle.fetch_history()).events)

    async def _run(self, jobs: int) -> None:
        gate = asyncio.Semaphore(STARTS_AT_ONCE)

        async def one() -> None:
            async with gate:
                handle = await self.start()
            await handle.result()

        async with asyncio.timeout(TIMEOUT_SECONDS), asyncio.TaskGroup() as group:
            for _ in range(jobs):
                group.create_task(one())

    def _spent(self) -> list[float]:
        return [cpu_seconds(self.server.process.pid), cpu_seconds(self.worker.pid), time.process_time()]


async def measure(*, quick: bool) -> Report:
    jobs, rounds = (30, 1) if quick else (JOBS, ROUNDS)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = await stack.enter_async_context(temporal_server(data_dir=folder))
        ours = await _our_contender(stack, server, folder)
        bare = await _bare_contender(stack, server, folder)
        counts = await _warmed_up(ours), await _warmed_up(bare)
        measured = [await _both(ours, bare, jobs, bare_first=number % 2 == 1) for number in range(rounds)]
    return _report(jobs, [ours for ours, _ in measured], [bare for _, bare in measured], counts)


async def _both(ours: Contender, bare: Contender, jobs: int, *, bare_first: bool) -> tuple[Round, Round]:
    if bare_first:
        second, first = await bare.burst(jobs), await ours.burst(jobs)
        return first, second
    return await ours.burst(jobs), await bare.burst(jobs)


async def _warmed_up(contender: Contender) -> Count:
    for _ in range(WARMUP_ROUNDS):
        counted_one = await contender.count()
    return counted_one


async def _our_contender(stack: AsyncExitStack, server: TemporalServer, folder: Path) -> Contender:
    client = await Client.connect(server.address, data_converter=DATA_CONVERTER)
    workspace = await stack.enter_async_context(opened_workspace(client, folder, catalogue_with_polls(FIRST_PAUSE)))
    worker = await started(stack, "bench.rig.our_worker", server.address, str(folder), folder=folder)
    return Contender(_our_start(client, workspace), server, worker)


async def _bare_contender(stack: AsyncExitStack, server: TemporalServer, folder: Path) -> Contender:
    client = await Client.connect(server.address)
    worker = await started(stack, "bench.baseline.worker", server.address, folder=folder)
    return Contender(_bare_start(client), server, worker)


def _our_start(client: Client, workspace: Workspace) -> Start:
    async def start() -> WorkflowHandle[Any, Any]:
        return client.get_workflow_handle((await workspace.submit_job()).code)

    return start


def _bare_start(client: Client) -> Start:
    async def start() -> WorkflowHandle[Any, Any]:
        name = f"bare-{next(_numbers)}"
        return await client.start_workflow(
            BareSteps.run, FIRST_PAUSE.total_seconds(), id=name, task_queue=WORKFLOW_QUEUE
        )

    return start


def _report(jobs: int, ours: list[Round], bare: list[Round], counts: tuple[Count, Count]) -> Report:
    speed, bare_speed = (median(one_round.jobs_per_second for one_round in rounds) for rounds in (ours, bare))
    cpu, bare_cpu = (median(one_round.cpu for one_round in rounds) for rounds in (ours, bare))
    figures = [_figures(rounds) for rounds in (ours, bare)]
    return Report(
        title=f"burst: {jobs} at once",
        how=f"Medians of {len(ours)} interleaved rounds, Temporal on SQLite, one worker process each. CPU is processor "
        "time in ms per job; others: cores that strangers kept busy. Ours takes jobs in as the API does, without HTTP.",
        columns=("", "jobs/s", "CPU", "server", "worker", "client", "others", "events", "actions"),
        rows=[
            ("aijobs", *figures[0], str(counts[0].events), str(counts[0].actions)),
            ("bare workflow", *figures[1], str(counts[1].events), str(counts[1].actions)),
            ("aijobs / bare", ratio(speed, bare_speed), ratio(cpu, bare_cpu)),
        ],
        aims=[Aim(f"at least {LEAST_SHARE} of the bare jobs/s", speed / bare_speed >= LEAST_SHARE)],
        notes=[
            f"jobs/s by round: {_jobs_per_second(ours)} against {_jobs_per_second(bare)}",
            f"by processor time alone, {bare_cpu / cpu:.2f} of the bare jobs/s can be had",
            *_warnings(ours + bare),
        ],
    )


def _warnings(rounds: list[Round]) -> list[str]:
    busiest = max(one_round.others for one_round in rounds)
    if busiest <= QUIET_CORES:
        return []
    return [f"others kept up to {busiest:.1f} cores busy meanwhile: processor times count, jobs/s do not"]


def _figures(rounds: list[Round]) -> tuple[str, ...]:
    columns = ("jobs_per_second", "cpu", "server", "worker", "client")
    medians = [f"{median(getattr(one_round, column) for one_round in rounds):.1f}" for column in columns]
    return (*medians, f"{median(one_round.others for one_round in rounds):.2f}")


def _jobs_per_second(rounds: list[Round]) -> str:
    return ", ".join(f"{one_round.jobs_per_second:.1f}" for one_round in rounds)
