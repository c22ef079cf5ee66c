"""The Temporal that the environment names (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, …), reached and fit for us."""

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

ONE_LOOK: Final = timedelta(seconds=3)
BETWEEN_TRIES: Final = timedelta(seconds=2)

log = structlog.get_logger()


async def connected_temporal(*, patience: timedelta = timedelta(0)) -> Client:
    """Raises CommandError when nobody answers there for so long."""
    gives_up_at = time.monotonic() + patience.total_seconds()
    while True:
        try:
            return await connect()
        except RuntimeError as unreachable:
            if time.monotonic() >= gives_up_at:
                raise _unreachable(unreachable) from unreachable
            log.warning("temporal_is_not_there_yet", why=str(unreachable))
        await asyncio.sleep(BETWEEN_TRIES.total_seconds())


def _unreachable(why: RuntimeError) -> CommandError:
    return CommandError(
        f"Temporal cannot be reached: {why}",
        hint="`aijobs up` starts one here; TEMPORAL_ADDRESS names another (default 127.0.0.1:7233).",
        code=Exit.UNREACHABLE,
    )


async def missing_attributes(client: Client) -> set[str]:
    """The search attributes of ours that its namespace does not have. Raises RPCError."""
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=ONE_LOOK
    )
    return {key.name for key in ALL_ATTRIBUTES} - set(listed.custom_attributes)


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
        return bool((await client.workflow_service.describe_task_queue(request, timeout=ONE_LOOK)).pollers)
    except RPCError:
        return False
