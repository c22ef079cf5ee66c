"""Whether Temporal and our workers can run jobs: namespace, search attributes, and the pollers of each task queue."""

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workflows.namespace.owner import owner_of, taken_message
from workflows.search_attributes import ALL_ATTRIBUTES
from workflows.task_queues import ALL_QUEUES, WORKFLOWS

CALL_TIMEOUT: Final = timedelta(seconds=3)

#: A poll lasts a minute at most, and is followed by the next: a worker that has not polled for longer is gone or hangs.
MAX_POLL_AGE: Final = timedelta(seconds=75)

#: How long the oldest task of a queue may wait. Workflow tasks are short; activities may queue up under load.
MAX_WORKFLOW_TASK_AGE: Final = timedelta(minutes=1)
MAX_ACTIVITY_TASK_AGE: Final = timedelta(minutes=10)

#: Answers of a server that does not allow the inspection: nothing is reported as missing then.
INSPECTION_DENIED: Final = frozenset({RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED})


@dataclass(frozen=True, kw_only=True)
class QueueHealth:
    """How a task queue is served. `last_poll_age` is None when no worker has polled for minutes."""

    name: str
    last_poll_age: timedelta | None
    backlog: int
    oldest_task_age: timedelta

    def problem(self, *, max_poll_age: timedelta = MAX_POLL_AGE) -> str | None:
        """What is wrong with the queue, in one sentence; None when nothing is."""
        waiting = f" {self.backlog} tasks wait." if self.backlog else ""
        if self.last_poll_age is None:
            return f"No worker polls the task queue {self.name}.{waiting}"
        if self.last_poll_age > max_poll_age:
            ago = round(self.last_poll_age.total_seconds())
            return f"No worker has polled the task queue {self.name} for {ago} s: it hangs, or is gone.{waiting}"
        if self.oldest_task_age > (MAX_WORKFLOW_TASK_AGE if self.name == WORKFLOWS else MAX_ACTIVITY_TASK_AGE):
            oldest_task_age = round(self.oldest_task_age.total_seconds())
            return f"A task waits in {self.name} for {oldest_task_age} s: the workers cannot keep up, or hang.{waiting}"
        return None


@dataclass(frozen=True, kw_only=True)
class EngineHealth:
    """Whether Temporal is ready. Without the namespace, attributes and queues are not examined."""

    namespace: str
    has_namespace: bool
    owner: str | None = None  #: the installation that it belongs to
    missing_attributes: frozenset[str] = frozenset()
    queues: Sequence[QueueHealth] = ()

    def owner_problem(self, installation: str | None) -> str | None:
        """Why this installation may not use the namespace, in one sentence; None when it may."""
        is_ours = self.owner is None or installation is None or self.owner == installation
        return None if is_ours else taken_message(self.namespace, self.owner)


async def examine(client: Client) -> EngineHealth:
    """Raises RPCError when Temporal does not answer."""
    if not await has_namespace(client):
        return EngineHealth(namespace=client.namespace, has_namespace=False)
    owner, missing, queues = await asyncio.gather(
        owner_of(client),
        missing_attributes(client),
        queues_of(client),
    )
    return EngineHealth(
        namespace=client.namespace, has_namespace=True, owner=owner, missing_attributes=missing, queues=queues
    )


async def queues_of(client: Client) -> Sequence[QueueHealth]:
    """Each of our task queues. Raises RPCError."""
    return await asyncio.gather(*(_queue_health(client, name) for name in ALL_QUEUES))


async def has_namespace(client: Client) -> bool:
    """Whether the namespace that the environment names is there. Raises RPCError."""
    try:
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=CALL_TIMEOUT
        )
    except RPCError as refused:
        if refused.status is RPCStatusCode.NOT_FOUND:
            return False
        if refused.status not in INSPECTION_DENIED:
            raise
    return True


async def missing_attributes(client: Client) -> frozenset[str]:
    """The search attributes of ours that its namespace does not have. Raises RPCError."""
    try:
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace), timeout=CALL_TIMEOUT
        )
    except RPCError as refused:
        if refused.status in INSPECTION_DENIED:
            return await _attributes_unknown_to_queries(client)
        raise
    return frozenset(key.name for key in ALL_ATTRIBUTES) - frozenset(listed.custom_attributes)


async def _attributes_unknown_to_queries(client: Client) -> frozenset[str]:
    """As Temporal Cloud tells it, where only its own tools list search attributes. Raises RPCError."""
    names = [key.name for key in ALL_ATTRIBUTES]
    known = await asyncio.gather(*(_knows_attribute(client, name) for name in names))
    return frozenset(name for name, is_known in zip(names, known, strict=True) if not is_known)


async def _knows_attribute(client: Client, name: str) -> bool:
    try:
        await client.count_workflows(f"{name} IS NULL", rpc_timeout=CALL_TIMEOUT)
    except RPCError as refused:
        if refused.status is RPCStatusCode.INVALID_ARGUMENT and name in refused.message:
            return False
        if refused.status not in INSPECTION_DENIED:
            raise
    return True


def commands_that_add(attributes: frozenset[str], *, namespace: str) -> list[str]:
    """The commands with which an operator adds missing search attributes."""
    if is_in_cloud(namespace):
        types = " ".join(
            f"--sa {key.name}={_type_name(key.indexed_value_type)}" for key in ALL_ATTRIBUTES if key.name in attributes
        )
        return [f"tcld namespace search-attributes add --namespace {namespace} {types}"]
    create = f"temporal operator search-attribute create --namespace {shlex.quote(namespace)}"
    return [
        f"{create} --name {key.name} --type {_type_name(key.indexed_value_type)}"
        for key in ALL_ATTRIBUTES
        if key.name in attributes
    ]


def is_in_cloud(namespace: str) -> bool:
    """Whether it is named as Temporal Cloud names its namespaces: name.account."""
    return "." in namespace


def _type_name(kind: int) -> str:
    return IndexedValueType.Name(kind).removeprefix("INDEXED_VALUE_TYPE_").title()  # type: ignore[arg-type]


async def _queue_health(client: Client, name: str) -> QueueHealth:
    is_of_workflows = name == WORKFLOWS
    described = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=name),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
            if is_of_workflows
            else TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            report_stats=True,
        ),
        timeout=CALL_TIMEOUT,
    )
    polls = [poller.last_access_time.ToDatetime(UTC) for poller in described.pollers]
    return QueueHealth(
        name=name,
        last_poll_age=datetime.now(UTC) - max(polls) if polls else None,
        backlog=described.stats.approximate_backlog_count,
        oldest_task_age=described.stats.approximate_backlog_age.ToTimedelta(),
    )
