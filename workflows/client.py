"""Starting a job's workflow. Doing it again changes nothing: the job's code is the workflow's id."""

from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from aijobs.domain.jobs.job import JobBrief, late_watch_id
from workflows import search_attributes
from workflows.ai_job import AiJob
from workflows.late_watch import LateWatch
from workflows.task_queues import WORKFLOWS
from workflows.webhook_delivery import DeliverWebhook

PATIENCE: Final = timedelta(seconds=3)
BACKSTOP_MARGIN: Final = timedelta(hours=1)


async def start_late_watch(client: Client, brief: JobBrief) -> None:
    """Watch a job that has ended once more, from now on. A watch that runs begins anew. Raises RPCError."""
    await client.start_workflow(
        LateWatch.run,
        brief,
        id=late_watch_id(brief.code),
        task_queue=WORKFLOWS,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
        static_summary=f"Late word on {brief.code}",
        rpc_timeout=PATIENCE,
    )


async def start_job(client: Client, brief: JobBrief) -> None:
    """Raises RPCError when Temporal cannot be reached: the sweep will start the job later."""
    try:
        await client.start_workflow(
            AiJob.run,
            brief,
            id=brief.code,
            task_queue=WORKFLOWS,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            execution_timeout=2 * brief.deadlines.business + BACKSTOP_MARGIN,
            search_attributes=search_attributes.at_start(brief),
            static_summary=f"{brief.model_name} for {brief.user_id}",
            rpc_timeout=PATIENCE,
        )
    except WorkflowAlreadyStartedError:
        return


async def start_delivery(client: Client, code: str) -> None:
    """Raises RPCError.

    A workflow that runs is left alone; one that was lost is replaced, and ends at once when there is nothing to do.
    """
    await client.start_workflow(
        DeliverWebhook.run,
        code,
        id=code,
        task_queue=WORKFLOWS,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary="Webhook to a caller",
        rpc_timeout=PATIENCE,
    )
