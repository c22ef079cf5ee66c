"""The Temporal that the environment names (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, …), reached and fit for us."""

from datetime import timedelta
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from cli.errors import CommandError, Exit
from workflows.attributes import ALL_ATTRIBUTES
from workflows.connecting import connect

ONE_LOOK: Final = timedelta(seconds=3)


async def reached_temporal() -> Client:
    """Raises CommandError when nobody answers there."""
    try:
        return await connect()
    except RuntimeError as unreachable:
        raise CommandError(
            f"Temporal cannot be reached: {unreachable}",
            hint="`aijobs up` starts one here; TEMPORAL_ADDRESS names another (default 127.0.0.1:7233).",
            code=Exit.UNREACHABLE,
        ) from unreachable


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
        namespace=(client := await reached_temporal()).namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        return bool((await client.workflow_service.describe_task_queue(request, timeout=ONE_LOOK)).pollers)
    except RPCError:
        return False
