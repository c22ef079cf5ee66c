"""Whether Temporal and our workers can carry jobs out: namespace, search attributes, and who polls each task queue."""

import asyncio
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

from workflows.search_attributes import ALL_ATTRIBUTES
from workflows.task_queues import ALL_QUEUES, WORKFLOWS

ONE_LOOK: Final = timedelta(seconds=3)

#: A poll lasts a minute at most, and is followed by the next: a worker that has not polled for longer is gone or hangs.
POLLED_WITHIN: Final = timedelta(seconds=75)

#: So long may the oldest task of a queue wait. Workflow tasks take no time; the others wait for their turn in a rush.
WORKFLOW_PATIENCE: Final = timedelta(minutes=1)
ACTIVITY_PATIENCE: Final = timedelta(minutes=10)

#: What a server says that does not let us look: then there is nothing to complain about.
MAY_NOT_LOOK: Final = frozenset({RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED})


@dataclass(frozen=True, kw_only=True)
class QueueHealth:
    """`polled_ago` is nothing when no worker has polled for minutes; `waits` is the age of the oldest task."""

    name: str
    polled_ago: timedelta | None
    backlog: int
    waits: timedelta

    def problem(self, *, polled_within: timedelta = POLLED_WITHIN) -> str | None:
        """What is wrong with it, in a sentence."""
        waiting = f" {self.backlog} tasks wait." if self.backlog else ""
        if self.polled_ago is None:
            return f"No worker polls the task queue {self.name}.{waiting}"
        if self.polled_ago > polled_within:
            ago = round(self.polled_ago.total_seconds())
            return f"No worker has polled the task queue {self.name} for {ago} s: it hangs, or is gone.{waiting}"
        if self.waits > (WORKFLOW_PATIENCE if self.name == WORKFLOWS else ACTIVITY_PATIENCE):
            waits = round(self.waits.total_seconds())
            return f"A task waits in {self.name} for {waits} s: the workers cannot keep up, or hang.{waiting}"
        return None


@dataclass(frozen=True, kw_only=True)
class EngineHealth:
    """Without its namespace there are no attributes and no queues to look at."""

    namespace: str
    has_namespace: bool
    missing_attributes: frozenset[str] = frozenset()
    queues: Sequence[QueueHealth] = ()


async def examine(client: Client) -> EngineHealth:
    """Raises RPCError when Temporal does not answer."""
    if not await has_namespace(client):
        return EngineHealth(namespace=client.namespace, has_namespace=False)
    missing, queues = await asyncio.gather(
        missing_attributes(client), asyncio.gather(*(_queue_health(client, name) for name in ALL_QUEUES))
    )
    return EngineHealth(namespace=client.namespace, has_namespace=True, missing_attributes=missing, queues=queues)


async def has_namespace(client: Client) -> bool:
    """Whether the namespace that the environment names is there. Raises RPCError."""
    try:
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=ONE_LOOK
        )
    except RPCError as refused:
        if refused.status is RPCStatusCode.NOT_FOUND:
            return False
        if refused.status not in MAY_NOT_LOOK:
            raise
    return True


async def missing_attributes(client: Client) -> frozenset[str]:
    """The search attributes of ours that its namespace does not have. Raises RPCError."""
    try:
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace), timeout=ONE_LOOK
        )
    except RPCError as refused:
        if refused.status in MAY_NOT_LOOK:
            return frozenset()
        raise
    return frozenset(key.name for key in ALL_ATTRIBUTES) - frozenset(listed.custom_attributes)


def commands_that_add(attributes: frozenset[str]) -> list[str]:
    """For the operator's terminal."""
    return [
        f"temporal operator search-attribute create --name {key.name} --type {_type_name(key.indexed_value_type)}"
        for key in ALL_ATTRIBUTES
        if key.name in attributes
    ]


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
        timeout=ONE_LOOK,
    )
    polls = [poller.last_access_time.ToDatetime(UTC) for poller in described.pollers]
    return QueueHealth(
        name=name,
        polled_ago=datetime.now(UTC) - max(polls) if polls else None,
        backlog=described.stats.approximate_backlog_count,
        waits=described.stats.approximate_backlog_age.ToTimedelta(),
    )
