"""The state of our workflows in Temporal, for repair."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest, DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from aijobs.domain.jobs.job import JobBrief
from aijobs.domain.ports.workflow_control import WorkflowStatus
from workflows.client import CALL_TIMEOUT, start_batch, start_job, start_late_watch
from workflows.job.endings import CANCELED_BY_OWNER
from workflows.namespace.executions import describe_execution

MAX_WORKFLOWS: Final = 10_000

_STATUS_OF: Final[Mapping[WorkflowExecutionStatus.ValueType, WorkflowStatus]] = {
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED: WorkflowStatus.CLOSED,
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_FAILED: WorkflowStatus.CLOSED,
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CANCELED: WorkflowStatus.CLOSED,
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED: WorkflowStatus.TERMINATED,
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TIMED_OUT: WorkflowStatus.TIMED_OUT,
}


class TemporalJobWorkflows:
    """Implements JobWorkflowControl."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def start(self, brief: JobBrief) -> None:
        await start_job(self._client, brief)

    async def watch_late(self, brief: JobBrief) -> None:
        await start_late_watch(self._client, brief)

    async def wake_batch(self, code: str) -> None:
        await start_batch(self._client, code)

    async def status_of(self, workflow_id: str) -> WorkflowStatus:
        described = await describe_execution(self._client, workflow_id, timeout=CALL_TIMEOUT)
        if described is None:
            return WorkflowStatus.NONE
        return _STATUS_OF.get(described.workflow_execution_info.status, WorkflowStatus.RUNNING)

    async def running_jobs(self) -> list[str]:
        query = 'WorkflowType = "AiJob" AND ExecutionStatus = "Running"'
        return [found.id async for found in self._client.list_workflows(query, limit=MAX_WORKFLOWS)]

    async def cancel(self, job_code: str) -> None:
        try:
            await self._client.get_workflow_handle(job_code).cancel(reason=CANCELED_BY_OWNER)
        except RPCError as refused:
            if refused.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def stop(self, job_code: str, reason: str) -> None:
        try:
            await self._client.get_workflow_handle(job_code).terminate(reason=reason)
        except RPCError as refused:
            if refused.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def forget(self, workflow_id: str) -> None:
        request = DeleteWorkflowExecutionRequest(
            namespace=self._client.namespace, workflow_execution=WorkflowExecution(workflow_id=workflow_id)
        )
        try:
            await self._client.workflow_service.delete_workflow_execution(request, timeout=CALL_TIMEOUT)
        except RPCError as refused:
            if refused.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def histories_kept(self) -> timedelta:
        request = DescribeNamespaceRequest(namespace=self._client.namespace)
        described = await self._client.workflow_service.describe_namespace(request, timeout=CALL_TIMEOUT)
        return described.config.workflow_execution_retention_ttl.ToTimedelta()
