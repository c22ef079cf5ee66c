"""Two versions of the workers side by side, under load: each job stays with the one that began it."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError

from cli.embedded.processes import Process, running
from cli.workers.versions import make_current, unpolled_queues, worker_versions
from sandbox.config import Pace
from tests.stories.stack import StoryStack, running_stack, spec_for
from workflows.namespace.health import examine

OLD: Final = "build-1"
NEW: Final = "build-2"
DEPLOYMENT: Final = "aijobs"

JOBS: Final = 24
PAUSE: Final = 0.15
TIMEOUT: Final = 90.0

#: The new version is of several processes, one for each role.
ROLES: Final = ("workflows", "providers", "migration,webhooks")


async def test_running_jobs_stay_with_their_version_while_it_drains(tmp_path: Path) -> None:
    versioned = {"AIJOBS_WORKER__VERSION": OLD}
    pace = Pace(queue_seconds=0.5, work_seconds=1.5)
    async with running_stack(tmp_path, settings=versioned, pace=pace) as stack, AsyncExitStack() as workers:
        client = await stack.temporal_client()
        await becomes_current(client, OLD)
        load = asyncio.create_task(submitted(stack, JOBS))
        await asyncio.sleep(JOBS * PAUSE / 2)

        for roles in ROLES:
            await workers.enter_async_context(running_version(stack, NEW, roles))
        await becomes_current(client, NEW)
        codes = await load
        await until_drained(client, OLD)
        code = await ended_when_asked(stack.processes["worker"])
        last = await stack.submit()
        statuses = [await stack.statuses(code) for code in (*codes, last)]
        ran_on = {code: await versions_that_ran(client, code) for code in (*codes, last)}
        health = await examine(client)

    assert code == 0
    assert Counter(status[-1] for status in statuses) == {"SUCCESS": JOBS + 1}
    assert {len(versions) for versions in ran_on.values()} == {1}  # no job has seen both
    assert {next(iter(versions)) for versions in ran_on.values()} == {OLD, NEW}
    assert ran_on[last] == {NEW}
    assert len(stack.sandbox.ledger()) == JOBS + 1
    assert [queue.name for queue in health.queues if queue.problem()] == []


async def submitted(stack: StoryStack, count: int) -> list[str]:
    codes = []
    for _ in range(count):
        codes.append(await stack.submit())
        await asyncio.sleep(PAUSE)
    return codes


@asynccontextmanager
async def running_version(stack: StoryStack, version: str, roles: str) -> AsyncIterator[Process]:
    spec = spec_for("worker", {name: value for name, value in stack.environment.items() if "VERSION" not in name})
    log = spec.log.with_name(f"{roles}.log") if spec.log else None
    command = (sys.executable, "-m", "cli.main", "worker", "--version", version, "--queues", roles)
    async with running(replace(spec, command=command, log=log), is_ready=at_once) as process:
        yield process


async def at_once() -> bool:
    return True


async def becomes_current(client: Client, version: str) -> None:
    """A call that a busy server does not answer in time is made again."""
    async with asyncio.timeout(TIMEOUT):
        while True:
            with suppress(RPCError):
                if not await unpolled_queues(client, DEPLOYMENT, version):
                    return await make_current(client, DEPLOYMENT, version)
            await asyncio.sleep(0.1)


async def until_drained(client: Client, version: str) -> None:
    async with asyncio.timeout(TIMEOUT):
        while True:
            with suppress(RPCError):
                (found,) = [one for one in await worker_versions(client, DEPLOYMENT) if one.build_id == version]
                if not found.running:
                    return
            await asyncio.sleep(0.2)


async def ended_when_asked(process: Process) -> int:
    os.killpg(process.pid, signal.SIGTERM)
    async with asyncio.timeout(TIMEOUT):
        return await process.ended()


async def versions_that_ran(client: Client, code: str) -> set[str]:
    """The versions of the workers that completed a workflow task of the job."""
    events = [event async for event in client.get_workflow_handle(code).fetch_history_events()]
    completed = [event.workflow_task_completed_event_attributes for event in events if event.event_type == 7]
    return {task.deployment_version.build_id for task in completed}
