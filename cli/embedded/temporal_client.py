"""A client of the Temporal in the environment (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, …), and checks of it."""

import asyncio
import time
from datetime import timedelta
from typing import Final

import structlog
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from cli.errors import CommandError, Exit
from workflows.client import connect
from workflows.search_attributes import ALL_ATTRIBUTES

RPC_TIMEOUT: Final = timedelta(seconds=3)
RETRY_PAUSE: Final = timedelta(seconds=2)

log = structlog.get_logger()


async def connected_temporal(*, timeout: timedelta = timedelta(0)) -> Client:
    """Raises CommandError when it cannot be reached within `timeout`."""
    deadline = time.monotonic() + timeout.total_seconds()
    while True:
        try:
            return await connect()
        except RuntimeError as unreachable:
            if time.monotonic() >= deadline:
                raise _unreachable(unreachable) from unreachable
            log.warning("temporal_is_not_there_yet", why=str(unreachable))
        await asyncio.sleep(RETRY_PAUSE.total_seconds())


def _unreachable(why: RuntimeError) -> CommandError:
    return CommandError(
        f"Temporal cannot be reached: {why}",
        hint="`aijobs up` starts one here; TEMPORAL_ADDRESS names another (default 127.0.0.1:7233).",
        code=Exit.UNREACHABLE,
    )


async def missing_attributes(client: Client) -> set[str]:
    """Our search attributes that the client's namespace lacks. Raises RPCError."""
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
    )
    return {key.name for key in ALL_ATTRIBUTES} - set(listed.custom_attributes)


async def has_search_attributes(address: str) -> bool:
    """Whether the server at this address is reachable and has our search attributes."""
    try:
        return not await missing_attributes(await Client.connect(address))
    except (RPCError, RuntimeError):
        return False


async def is_polled(queue: str) -> bool:
    """Whether any worker polls this task queue of the Temporal in the environment."""
    request = DescribeTaskQueueRequest(
        namespace=(client := await connected_temporal()).namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        return bool((await client.workflow_service.describe_task_queue(request, timeout=RPC_TIMEOUT)).pollers)
    except RPCError:
        return False
