"""After the storm: wait until all jobs and workflows have ended, and read the results from Temporal."""

import asyncio
import time
from contextlib import suppress
from typing import Any, Final

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from aijobs.domain.jobs.batches.batch import BatchStatus
from aijobs.domain.jobs.job import JobState
from aijobs.domain.lifecycle import UNFINISHED
from chaos.observations import WorkflowObservation
from chaos.stack.stack import ObservedStack

LOOK_EVERY: Final = 0.5
AT_ONCE: Final = 20

JOBS: Final = 'WorkflowType = "AiJob"'
BATCHES: Final = 'WorkflowType = "AiBatch"'
LATE_WATCHES: Final = 'WorkflowType = "LateWatch"'
RUNNING: Final = 'ExecutionStatus = "Running"'

AT_WORK: Final = ", ".join(str(int(status)) for status in UNFINISHED)
LEFT_TO_DO: Final = f"""SELECT (SELECT count(*) FROM job WHERE job_status IN ({AT_WORK}))
    + (SELECT count(*) FROM write_intent)
    + (SELECT count(*) FROM batch WHERE ended_at IS NULL AND batch_status <> '{BatchStatus.LOADING}')"""  # noqa: S608


async def until_final(stack: ObservedStack, *, timeout: float) -> float | None:
    """Seconds until the last job and batch had ended, and their workflows were closed; None after `timeout`."""
    client = await _connected(stack)
    began = time.monotonic()
    while time.monotonic() - began < timeout:
        with suppress(TimeoutError):  # the database is away
            (left,) = await asyncio.to_thread(stack.database.column, LEFT_TO_DO)
            if not left and not await count(client, f"{RUNNING} AND ({JOBS} OR {BATCHES})"):
                return time.monotonic() - began
        await asyncio.sleep(LOOK_EVERY)
    return None


async def until_late_watches_ended(stack: ObservedStack, *, timeout: float) -> int:
    """How many late watches still run after `timeout`."""
    client = await _connected(stack)
    ends = time.monotonic() + timeout
    while True:
        left = await count(client, f"{LATE_WATCHES} AND {RUNNING}")
        if not left or time.monotonic() > ends:
            return left
        await asyncio.sleep(LOOK_EVERY)


async def _connected(stack: ObservedStack) -> Client:
    while True:
        try:
            return await stack.temporal_client()
        except RuntimeError:
            await asyncio.sleep(LOOK_EVERY)


async def count(client: Client, query: str) -> int:
    return (await client.count_workflows(query)).count


async def workflows_of(stack: ObservedStack) -> list[WorkflowObservation]:
    """Every run of every job."""
    client = await _connected(stack)
    slots = asyncio.Semaphore(AT_ONCE)

    async def look(run: WorkflowExecution) -> WorkflowObservation:
        async with slots:
            return await _observed(client, run)

    return await asyncio.gather(*[look(run) async for run in client.list_workflows(JOBS)])


async def _observed(client: Client, run: WorkflowExecution) -> WorkflowObservation:
    described = await client.get_workflow_handle(run.id, run_id=run.run_id).describe()
    status = described.status or WorkflowExecutionStatus.RUNNING
    failure, state = None, None
    if status in (WorkflowExecutionStatus.COMPLETED, WorkflowExecutionStatus.FAILED):
        failure, state = await _result(client, run)
    return WorkflowObservation(
        code=run.id,
        run_id=run.run_id,
        first_run_id=described.raw_info.first_run_id,
        status=status.name,
        failure=failure,
        state=JobState.model_validate(state) if state else None,
    )


async def _result(client: Client, run: WorkflowExecution) -> tuple[str | None, Any]:
    """The failure's type, if it failed, and the state that it, or the result, carries."""
    handle = client.get_workflow_handle(run.id, run_id=run.run_id)
    try:
        return None, await handle.result(follow_runs=False)
    except WorkflowFailureError as failed:
        cause = failed.cause
        if isinstance(cause, ApplicationError):
            return cause.type, cause.details[0] if cause.details else None
        return type(cause).__name__, None
    except RPCError as refused:
        return f"cannot be read: {refused.status.name}", None
