"""The versions of our workers in Temporal: which one new jobs begin with, and which still have jobs of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import WorkerDeploymentVersionStatus
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeWorkerDeploymentRequest,
    DescribeWorkerDeploymentVersionRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workflows.namespace.health import CALL_TIMEOUT
from workflows.task_queues import ALL_QUEUES

STATUS_PREFIX: Final = "WORKER_DEPLOYMENT_VERSION_STATUS_"


@dataclass(frozen=True, kw_only=True)
class WorkerVersion:
    """One version of a deployment. `status` is Temporal's word: CURRENT, DRAINING, DRAINED, INACTIVE, …

    `running` is how many workflows stay with it: its workers may only be stopped at 0. Temporal itself calls it DRAINED
    some minutes later.
    """

    build_id: str
    status: str
    created_at: datetime
    running: int


async def worker_versions(client: Client, deployment: str) -> Sequence[WorkerVersion]:
    """The versions whose workers Temporal has seen, oldest first; none for an unknown deployment. Raises RPCError."""
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=deployment)
    try:
        described = await client.workflow_service.describe_worker_deployment(request, timeout=CALL_TIMEOUT)
    except RPCError as refused:
        if refused.status is RPCStatusCode.NOT_FOUND:
            return ()
        raise
    found = [
        WorkerVersion(
            build_id=summary.deployment_version.build_id,
            status=WorkerDeploymentVersionStatus.Name(summary.status).removeprefix(STATUS_PREFIX),
            created_at=summary.create_time.ToDatetime(UTC),
            running=await _running(client, deployment, summary.deployment_version.build_id),
        )
        for summary in described.worker_deployment_info.version_summaries
    ]
    return sorted(found, key=lambda version: version.created_at)


async def _running(client: Client, deployment: str, build_id: str) -> int:
    """The workflows that are pinned to the version and have not ended."""
    query = f"TemporalUsedWorkerDeploymentVersions = '{deployment}:{build_id}'"
    pinned = f"TemporalWorkflowVersioningBehavior = 'Pinned' AND ExecutionStatus = 'Running' AND {query}"
    request = CountWorkflowExecutionsRequest(namespace=client.namespace, query=pinned)
    counted = await client.workflow_service.count_workflow_executions(request, timeout=CALL_TIMEOUT)
    return counted.count


async def unpolled_queues(client: Client, deployment: str, build_id: str) -> frozenset[str]:
    """The task queues of ours that no worker of this version has polled yet. Raises RPCError."""
    request = DescribeWorkerDeploymentVersionRequest(
        namespace=client.namespace,
        deployment_version=WorkerDeploymentVersion(deployment_name=deployment, build_id=build_id),
    )
    try:
        described = await client.workflow_service.describe_worker_deployment_version(request, timeout=CALL_TIMEOUT)
    except RPCError as refused:
        if refused.status is RPCStatusCode.NOT_FOUND:
            return frozenset(ALL_QUEUES)
        raise
    polled = {queue.name for queue in described.worker_deployment_version_info.task_queue_infos}
    return frozenset(ALL_QUEUES) - polled


async def make_current(client: Client, deployment: str, build_id: str) -> None:
    """From now on new workflows begin with this version, and those that are not pinned move to it. Raises RPCError.

    Doing it again changes nothing.
    """
    await client.workflow_service.set_worker_deployment_current_version(
        SetWorkerDeploymentCurrentVersionRequest(
            namespace=client.namespace, deployment_name=deployment, build_id=build_id, identity=client.identity
        ),
        timeout=CALL_TIMEOUT,
    )
