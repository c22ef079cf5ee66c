"""What Temporal says of a workflow's execution, read from its own answer.

The SDK's describe() raises ValueError for a status that it does not know, such as that of a paused workflow
(temporalio 1.x, server 1.29 and later), so its client is not asked.
"""

from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode


async def execution_status(
    client: Client, workflow_id: str, *, timeout: timedelta
) -> WorkflowExecutionStatus.ValueType | None:
    """The status of its latest run, or None when Temporal knows no such workflow. Raises RPCError."""
    request = DescribeWorkflowExecutionRequest(
        namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
    )
    try:
        described = await client.workflow_service.describe_workflow_execution(request, timeout=timeout)
    except RPCError as refused:
        if refused.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return described.workflow_execution_info.status
