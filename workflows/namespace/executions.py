"""What Temporal says of a workflow's execution, read from its own answer.

The SDK's describe() raises ValueError for a status that it does not know, such as that of a paused workflow
(temporalio 1.x, server 1.29 and later), so it is not used.
"""

from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode


async def describe_execution(
    client: Client, workflow_id: str, *, timeout: timedelta
) -> DescribeWorkflowExecutionResponse | None:
    """The latest run of a workflow, or None when Temporal knows no such workflow. Raises RPCError."""
    request = DescribeWorkflowExecutionRequest(
        namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
    )
    try:
        return await client.workflow_service.describe_workflow_execution(request, timeout=timeout)
    except RPCError as refused:
        if refused.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
