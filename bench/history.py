"""Events and actions of a job in Temporal, and the check that polls without a change add no history."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from temporalio.client import Client, WorkflowHandle

from bench.baseline import worker as bare_worker
from bench.baseline.workflows import WORKFLOW_QUEUE, BarePolling
from bench.billable_actions import Count, counted
from bench.report import Aim, Report, ratio
from bench.rig.scripted_provider import STATUSES, ScriptedProvider
from bench.rig.workspace import Workspace, catalogue_with_polls, open_bench_adapters, opened_workspace
from cli.embedded.temporal_server import temporal_server
from worker import build_workers, running_workers
from workflows.data_converter import DATA_CONVERTER

POLL_EVERY: Final = timedelta(milliseconds=20)
QUIET_POLLS: Final = (0, 3, 300)
MOST_EVENTS: Final = 45
MOST_ACTIONS: Final = 12

Counts = Mapping[int, Count]


async def measure(*, quick: bool) -> Report:
    polls = QUIET_POLLS[:2] if quick else QUIET_POLLS
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = await stack.enter_async_context(temporal_server(data_dir=None))
        ours = await _ours(stack, server.address, folder, polls)
        bare = await _bare(stack, server.address, polls)
    return _report(ours, bare)


async def _ours(stack: AsyncExitStack, address: str, folder: Path, polls: Sequence[int]) -> Counts:
    provider, catalogue = ScriptedProvider(), catalogue_with_polls(POLL_EVERY)
    client = await Client.connect(address, data_converter=DATA_CONVERTER)
    adapters = await stack.enter_async_context(open_bench_adapters(folder, catalogue, provider))
    workspace = await stack.enter_async_context(opened_workspace(client, folder, catalogue))
    await stack.enter_async_context(running_workers(build_workers(client, adapters)))
    return {quiet: await _our_count(client, workspace, provider, quiet) for quiet in polls}


async def _our_count(client: Client, workspace: Workspace, provider: ScriptedProvider, quiet: int) -> Count:
    provider.quiet = quiet // len(STATUSES)
    return await _count(client.get_workflow_handle((await workspace.submit_job()).code))


async def _bare(stack: AsyncExitStack, address: str, polls: Sequence[int]) -> Counts:
    client = await Client.connect(address)
    http = await stack.enter_async_context(httpx.AsyncClient())
    await stack.enter_async_context(running_workers(bare_worker.build_workers(client, http)))
    return {quiet: await _bare_count(client, quiet) for quiet in polls}


async def _bare_count(client: Client, quiet: int) -> Count:
    arguments = [quiet + len(STATUSES), POLL_EVERY.total_seconds()]
    name = f"bare-{quiet}"
    return await _count(
        await client.start_workflow(BarePolling.run, args=arguments, id=name, task_queue=WORKFLOW_QUEUE)
    )


async def _count(job: WorkflowHandle[Any, Any]) -> Count:
    await job.result()
    return counted((await job.fetch_history()).events)


def _report(ours: Counts, bare: Counts) -> Report:
    return Report(
        title="history: what one job uses up in Temporal",
        how="Happy path in which three polls bring three new statuses, one job each. The polls without news are spread "
        "evenly. Bare is a timer and an activity for every poll, and shows nobody how it stands.",
        columns=("", "polls without news", "events", "actions", "+ retries", "= billed"),
        rows=[row for quiet in ours for row in _rows(quiet, ours[quiet], bare[quiet])],
        aims=[
            Aim(f"at most {MOST_EVENTS} events", all(count.events <= MOST_EVENTS for count in ours.values())),
            Aim(f"at most {MOST_ACTIONS} actions, retries aside", all(_fits(count) for count in ours.values())),
            Aim(
                f"events and actions the same for {', '.join(map(str, ours))} polls without news",
                len({(count.events, count.actions) for count in ours.values()}) == 1,
            ),
        ],
        notes=["A poll without news is a retry of the watching activity: one action, and no event."],
    )


def _fits(count: Count) -> bool:
    return count.actions <= MOST_ACTIONS


def _rows(quiet: int, ours: Count, bare: Count) -> list[Sequence[str]]:
    return [
        ("aijobs", *_figures(quiet, ours)),
        ("bare polling", *_figures(quiet, bare)),
        ("aijobs / bare", "", ratio(ours.events, bare.events), "", "", ratio(ours.billed, bare.billed)),
    ]


def _figures(quiet: int, count: Count) -> tuple[str, ...]:
    return tuple(map(str, (quiet, count.events, count.actions, count.retries, count.billed)))
