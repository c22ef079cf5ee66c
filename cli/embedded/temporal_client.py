"""A client of the Temporal in the environment (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, …), and checks of it."""

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

from aijobs.domain.errors import TemporalMisconfigured, TemporalUnavailable
from aijobs.domain.values.payload_keys import PayloadKeys
from cli.errors import CommandError, Exit
from workflows.client import connect
from workflows.namespace.health import CALL_TIMEOUT, has_namespace, is_in_cloud, missing_attributes

ADDRESS_HINT: Final = "`aijobs up` starts one here; TEMPORAL_ADDRESS names another (default 127.0.0.1:7233)."
TLS_HINT: Final = "docs/temporal-cloud.md has all settings of TLS and keys."

RETRY_PAUSE: Final = timedelta(seconds=2)

log = structlog.get_logger()


async def connected_temporal(keys: PayloadKeys | None = None, *, timeout: timedelta = timedelta(0)) -> Client:
    """Raises CommandError when it cannot be reached, or lacks our namespace, after `timeout`."""
    deadline = time.monotonic() + timeout.total_seconds()
    while True:
        try:
            client = await connect_unchecked(keys)
            await _require_namespace(client)
        except CommandError as error:
            if time.monotonic() >= deadline:
                raise
            log.warning("temporal_is_not_there_yet", why=str(error))
        else:
            return client
        await asyncio.sleep(RETRY_PAUSE.total_seconds())


async def connect_unchecked(keys: PayloadKeys | None = None) -> Client:
    """A client without checks of namespace and search attributes. Raises CommandError when it cannot connect.

    Only with `keys` it reads what is encrypted.
    """
    try:
        return await connect(keys)
    except TemporalMisconfigured as wrong:
        raise CommandError(str(wrong), hint=TLS_HINT) from wrong
    except TemporalUnavailable as unreachable:
        raise CommandError(str(unreachable), hint=ADDRESS_HINT, code=Exit.UNREACHABLE) from unreachable


async def _require_namespace(client: Client) -> None:
    try:
        exists = await has_namespace(client)
    except RPCError as unreachable:
        raise _unreachable(unreachable) from unreachable
    if not exists:
        raise CommandError(
            f"Temporal has no namespace {client.namespace}.",
            hint=f"{namespace_create_command(client.namespace)}   makes it; TEMPORAL_NAMESPACE names another.",
        )


def namespace_create_command(namespace: str) -> str:
    """The shell command that creates the namespace."""
    if is_in_cloud(namespace):
        return f"tcld namespace create --namespace {shlex.quote(namespace.partition('.')[0])} --region …"
    return f"temporal operator namespace create --namespace {shlex.quote(namespace)}"


def _unreachable(why: Exception) -> CommandError:
    return CommandError(
        f"Temporal cannot be reached: {why}",
        hint=ADDRESS_HINT,
        code=Exit.UNREACHABLE,
    )


async def has_search_attributes(address: str) -> bool:
    """Whether the server at this address is reachable and has our search attributes."""
    try:
        return not await missing_attributes(await Client.connect(address))
    except (RPCError, RuntimeError):
        return False


async def is_healthy(client: Client) -> bool:
    """Whether Temporal answers now, and says that it is healthy."""
    try:
        return await client.service_client.check_health(timeout=CALL_TIMEOUT)
    except RPCError:
        return False


async def is_polled(queue: str) -> bool:
    """Whether any worker polls this task queue of the Temporal in the environment."""
    request = DescribeTaskQueueRequest(
        namespace=(client := await connected_temporal()).namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        return bool((await client.workflow_service.describe_task_queue(request, timeout=CALL_TIMEOUT)).pollers)
    except RPCError:
        return False
