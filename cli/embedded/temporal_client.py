"""The Temporal that the environment names (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, …), reached and fit for us."""

import asyncio
import shlex
import time
from datetime import timedelta
from typing import Final

import structlog
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from cli.errors import CommandError, Exit
from workflows.client import connect
from workflows.health import CALL_TIMEOUT, has_namespace, missing_attributes

BETWEEN_TRIES: Final = timedelta(seconds=2)

log = structlog.get_logger()


async def connected_temporal(*, patience: timedelta = timedelta(0)) -> Client:
    """Raises CommandError when nobody answers there for so long, or when it lacks our namespace."""
    gives_up_at = time.monotonic() + patience.total_seconds()
    while True:
        try:
            client = await unchecked_temporal()
            await _require_namespace(client)
        except CommandError as wrong:
            if time.monotonic() >= gives_up_at:
                raise
            log.warning("temporal_is_not_there_yet", why=str(wrong))
        else:
            return client
        await asyncio.sleep(BETWEEN_TRIES.total_seconds())


async def unchecked_temporal() -> Client:
    """Whatever it lacks. Raises CommandError when nobody answers there."""
    try:
        return await connect()
    except RuntimeError as unreachable:
        raise _unreachable(unreachable) from unreachable


async def _require_namespace(client: Client) -> None:
    try:
        is_there = await has_namespace(client)
    except RPCError as unreachable:
        raise _unreachable(unreachable) from unreachable
    if not is_there:
        raise CommandError(
            f"Temporal has no namespace {client.namespace}.",
            hint=f"{command_that_makes(client.namespace)}   makes it; TEMPORAL_NAMESPACE names another.",
        )


def command_that_makes(namespace: str) -> str:
    """For the operator's terminal."""
    return f"temporal operator namespace create --namespace {shlex.quote(namespace)}"


def _unreachable(why: Exception) -> CommandError:
    return CommandError(
        f"Temporal cannot be reached: {why}",
        hint="`aijobs up` starts one here; TEMPORAL_ADDRESS names another (default 127.0.0.1:7233).",
        code=Exit.UNREACHABLE,
    )


async def knows_our_attributes(address: str) -> bool:
    """Whether the server there is ready for our jobs."""
    try:
        return not await missing_attributes(await Client.connect(address))
    except (RPCError, RuntimeError):
        return False


async def is_polled(queue: str) -> bool:
    """Whether any worker takes workflows from a queue of the Temporal that the environment names."""
    request = DescribeTaskQueueRequest(
        namespace=(client := await connected_temporal()).namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        return bool((await client.workflow_service.describe_task_queue(request, timeout=CALL_TIMEOUT)).pollers)
    except RPCError:
        return False
