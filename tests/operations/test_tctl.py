"""The calls that `tctl` made, with the headers that it sent: the server still answers each."""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.filter.v1 import StartTimeFilter
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.schedule.v1 import IntervalSpec, Schedule, ScheduleAction, SchedulePatch, ScheduleSpec
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import NewWorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import request_response_pb2 as calls
from temporalio.client import Client

from tests.operations.conftest import submit_endless
from tests.operations.page import PAGE
from tests.stories.stack import StoryStack

#: As version 1.18 sent them.
HEADERS: Final = {
    "client-name": "temporal-cli",
    "client-version": "1.18.4",
    "supported-server-versions": ">=1.0.0 <2.0.0",
}
NAMESPACE: Final = "default"
QUEUE: Final = TaskQueue(name="aijobs")


def since_the_beginning() -> StartTimeFilter:
    until = Timestamp()
    until.FromDatetime(datetime.now(UTC))
    return StartTimeFilter(earliest_time=Timestamp(), latest_time=until)


def of_nobody() -> dict[str, Any]:
    """A workflow that no worker knows of."""
    return {
        "namespace": NAMESPACE,
        "workflow_id": "tctl-started",
        "workflow_type": WorkflowType(name="Foreign"),
        "task_queue": TaskQueue(name="nobody"),
        "request_id": "tctl",
    }


def requests(code: str, last_task: int) -> list[Any]:
    """One of each call, in an order in which each can succeed."""
    job, started = WorkflowExecution(workflow_id=code), WorkflowExecution(workflow_id="tctl-started")
    action = ScheduleAction(
        start_workflow=NewWorkflowExecutionInfo(
            workflow_id="tctl-scheduled",
            workflow_type=WorkflowType(name="Foreign"),
            task_queue=TaskQueue(name="nobody"),
        )
    )
    spec = ScheduleSpec(interval=[IntervalSpec(interval=Duration(seconds=3600))])
    one: dict[str, Any] = {"namespace": NAMESPACE, "schedule_id": "tctl-schedule"}
    return [
        calls.GetSystemInfoRequest(),
        calls.GetClusterInfoRequest(),
        calls.GetSearchAttributesRequest(),
        calls.ListNamespacesRequest(),
        calls.DescribeNamespaceRequest(namespace=NAMESPACE),
        calls.UpdateNamespaceRequest(namespace=NAMESPACE),
        calls.ListOpenWorkflowExecutionsRequest(namespace=NAMESPACE, start_time_filter=since_the_beginning()),
        calls.ListClosedWorkflowExecutionsRequest(namespace=NAMESPACE, start_time_filter=since_the_beginning()),
        calls.ListWorkflowExecutionsRequest(namespace=NAMESPACE),
        calls.ScanWorkflowExecutionsRequest(namespace=NAMESPACE),
        calls.CountWorkflowExecutionsRequest(namespace=NAMESPACE),
        calls.ListBatchOperationsRequest(namespace=NAMESPACE),
        calls.DescribeTaskQueueRequest(
            namespace=NAMESPACE, task_queue=QUEUE, task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
        ),
        calls.ListTaskQueuePartitionsRequest(namespace=NAMESPACE, task_queue=QUEUE),
        calls.DescribeWorkflowExecutionRequest(namespace=NAMESPACE, execution=job),
        calls.GetWorkflowExecutionHistoryRequest(namespace=NAMESPACE, execution=job),
        calls.QueryWorkflowRequest(namespace=NAMESPACE, execution=job, query=WorkflowQuery(query_type="progress")),
        calls.StartWorkflowExecutionRequest(**of_nobody()),
        calls.SignalWorkflowExecutionRequest(namespace=NAMESPACE, workflow_execution=started, signal_name="hello"),
        calls.SignalWithStartWorkflowExecutionRequest(**of_nobody(), signal_name="hello"),
        calls.RequestCancelWorkflowExecutionRequest(namespace=NAMESPACE, workflow_execution=started),
        calls.TerminateWorkflowExecutionRequest(namespace=NAMESPACE, workflow_execution=started),
        calls.CreateScheduleRequest(**one, schedule=Schedule(spec=spec, action=action), request_id="tctl"),
        calls.DescribeScheduleRequest(**one),
        calls.ListSchedulesRequest(namespace=NAMESPACE),
        calls.PatchScheduleRequest(**one, patch=SchedulePatch(pause="looked at"), request_id="tctl"),
        calls.DeleteScheduleRequest(**one),
        calls.ResetWorkflowExecutionRequest(
            namespace=NAMESPACE, workflow_execution=job, workflow_task_finish_event_id=last_task, request_id="tctl"
        ),
    ]


async def test_the_server_still_answers_what_tctl_asked(stack: StoryStack) -> None:
    client: Client = await stack.temporal_client()
    code = await submit_endless(stack, "tctl")
    history = await client.get_workflow_handle(code).fetch_history()
    last_task = max(e.event_id for e in history.events if e.HasField("workflow_task_completed_event_attributes"))

    answered = []
    for request in requests(code, last_task):
        name = type(request).__name__.removesuffix("Request")
        method = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
        await getattr(client.workflow_service, method)(request, metadata=HEADERS)
        answered.append(name)

    table = PAGE.read_text("utf-8").partition("## `tctl`")[2]
    assert [name for name in answered if name not in table] == []
    await client.get_workflow_handle(code).cancel()
    await asyncio.wait_for(stack.statuses(code, user="tctl"), 60)
