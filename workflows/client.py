"""Temporal's client: connecting, starting our workflows, and the JobEngine that use cases call.

Starting a workflow again changes nothing: the code of a job or of a delivery is the workflow's id.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import structlog
from temporalio.client import Client
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from aijobs.domain.errors import FieldError, NamespaceTaken, PayloadUnreadable, TemporalUnavailable
from aijobs.domain.jobs.batches.batch import BatchBrief
from aijobs.domain.jobs.job import JobBrief, late_watch_id
from aijobs.domain.jobs.running_step import RunningStep
from aijobs.domain.ports.workflow_control import QueueBacklog
from aijobs.domain.values.payload_keys import PayloadKeys
from aijobs.tracing.spans import continued
from workflows import search_attributes
from workflows.ai_batch import AiBatch
from workflows.ai_job import AiJob
from workflows.data_converter import data_converter
from workflows.job.endings import CANCELED_BY_OWNER
from workflows.job.late_watch import LateWatch
from workflows.job.running_step import running_step
from workflows.namespace.connection import connection_problem, temporal_connection
from workflows.namespace.executions import describe_execution
from workflows.namespace.health import EngineHealth, examine, queues_of
from workflows.namespace.owner import CLAIM_TIMEOUT, require_own_namespace
from workflows.runners.traces import trace_interceptors
from workflows.task_queues import WORKFLOWS
from workflows.webhook_delivery import DeliverWebhook

log = structlog.get_logger()

CALL_TIMEOUT: Final = timedelta(seconds=3)
REQUEST_TIMEOUT: Final = timedelta(seconds=1)
HEALTH_TIMEOUT: Final = timedelta(seconds=4)  #: for the calls of one health check
"""For one call of an API request, connecting included. Repair starts later what could not be started."""

BACKSTOP_MARGIN: Final = timedelta(hours=1)


async def connect(keys: PayloadKeys | None, runtime: Runtime | None = None) -> Client:
    """Connect as Temporal's own environment variables say: see `workflows/namespace/connection.py`.

    With keys, payloads are encrypted. Raises TemporalUnavailable that says why it cannot be reached, and
    TemporalMisconfigured that names the setting.
    """
    to = temporal_connection()
    try:
        return await Client.connect(
            to.address,
            namespace=to.namespace,
            api_key=to.api_key,
            tls=to.tls or False,
            rpc_metadata=to.metadata,
            data_converter=data_converter(keys),
            runtime=runtime,
            interceptors=trace_interceptors(),
        )
    except RuntimeError as failed:
        raise TemporalUnavailable(connection_problem(failed, to)) from failed


def priority_of(brief: JobBrief) -> Priority:
    """Of a job's workflow; its activities inherit it. Workers that have too much to do are fair between users, too.

    The key is a hash, of the 64 bytes that Temporal takes: it stays in queues for a while, where no erasure reaches it.
    """
    key = hashlib.sha256(brief.user_id.encode()).hexdigest()
    return Priority(priority_key=brief.priority, fairness_key=key)


async def start_late_watch(client: Client, brief: JobBrief) -> None:
    """Start a late watch of a job that has ended. A running one is replaced. Raises RPCError."""
    await client.start_workflow(
        LateWatch.run,
        brief,
        id=late_watch_id(brief.code),
        task_queue=WORKFLOWS,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
        static_summary=f"Late word on {brief.code}",
        priority=priority_of(brief),
        rpc_timeout=CALL_TIMEOUT,
    )


async def start_job(client: Client, brief: JobBrief) -> None:
    """Raises RPCError when Temporal cannot be reached: repair will start the job later."""
    try:
        with continued(brief.traceparent):
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
                priority=priority_of(brief),
                rpc_timeout=CALL_TIMEOUT,
            )
    except WorkflowAlreadyStartedError:
        return


async def tell_of_slot(client: Client, code: str) -> None:
    """Let a job that waits in line try now. Raises RPCError, also when its workflow has ended."""
    await client.get_workflow_handle(code).signal(AiJob.slot_granted, rpc_timeout=CALL_TIMEOUT)


async def start_delivery(client: Client, code: str) -> None:
    """Raises RPCError.

    A running workflow is kept. A lost one is started again, and ends at once when there is nothing to do.
    """
    await client.start_workflow(
        DeliverWebhook.run,
        code,
        id=code,
        task_queue=WORKFLOWS,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary="Webhook to a caller",
        rpc_timeout=CALL_TIMEOUT,
    )


async def start_batch(client: Client, code: str) -> None:
    """Start a batch, or wake it where it runs. Raises RPCError."""
    await client.start_workflow(
        AiBatch.run,
        BatchBrief(code=code),
        id=code,
        task_queue=WORKFLOWS,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        start_signal="wake",
        static_summary="Batch of jobs",
        rpc_timeout=CALL_TIMEOUT,
    )


class TemporalJobEngine:
    """Implements JobEngine. Connects to Temporal at the first call; every call may raise TemporalUnavailable."""

    def __init__(self, connect: Callable[[], Awaitable[Client]], *, installation: str | None = None) -> None:
        """`installation`: nothing is asked of a namespace that belongs to another one."""
        self._connect = connect
        self._installation = installation
        self._client: Client | None = None
        self._is_own = False
        self._owner_check: asyncio.Task[None] | None = None

    async def start(self, brief: JobBrief) -> None:
        async with self._connected() as client:
            await start_job(client, brief)

    async def ensure_started(self, brief: JobBrief) -> None:
        """Temporal keeps the first event of a start that it refuses, which names the user, where nobody can delete it:
        its scanner does, after weeks."""
        async with self._connected() as client:
            if await describe_execution(client, brief.code, timeout=CALL_TIMEOUT) is None:
                await start_job(client, brief)

    async def cancel(self, code: str) -> None:
        async with self._connected() as client, _unless_it_has_ended():
            await client.get_workflow_handle(code).cancel(reason=CANCELED_BY_OWNER)

    async def poll_now(self, brief: JobBrief) -> None:
        if not brief.job_status.is_final:
            await self.hint(brief.code)
            return
        async with self._connected() as client:
            await start_late_watch(client, brief)

    async def hint(self, code: str) -> None:
        async with self._connected() as client, _unless_it_has_ended():
            await client.get_workflow_handle(code).signal(AiJob.provider_event, {})

    async def wake_batch(self, code: str) -> None:
        async with self._connected() as client:
            await start_batch(client, code)

    async def step_of(self, code: str) -> RunningStep | None:
        async with self._connected() as client:
            return await running_step(client, code, timeout=CALL_TIMEOUT)

    async def probe(self) -> None:
        async with self._connected() as client:
            await client.service_client.check_health(timeout=REQUEST_TIMEOUT)

    async def missing(self) -> Sequence[FieldError]:
        try:
            async with self._connected(timeout=HEALTH_TIMEOUT) as client:
                return list(_missing_parts(await examine(client), self._installation))
        except NamespaceTaken as taken:
            return [FieldError("/namespace", str(taken))]

    async def backlogs(self) -> Sequence[QueueBacklog]:
        async with self._connected(timeout=HEALTH_TIMEOUT) as client:
            found = await queues_of(client)
        return [QueueBacklog(queue.name, queue.backlog, queue.oldest_task_age) for queue in found]

    @asynccontextmanager
    async def _connected(self, *, timeout: timedelta | None = None) -> AsyncIterator[Client]:
        """A client for one call. Connecting and the call have REQUEST_TIMEOUT together. Raises TemporalUnavailable."""
        try:
            async with asyncio.timeout((timeout or REQUEST_TIMEOUT).total_seconds()):
                if self._client is None:
                    self._client = await self._new_client()
                await self._require_own_namespace(self._client)
                yield self._client
        except RPCError as refused:
            raise TemporalUnavailable(f"Temporal does not answer as it should ({refused.status.name}).") from refused
        except PayloadUnreadable as unreadable:
            raise TemporalUnavailable(str(unreadable)) from unreadable
        except (RuntimeError, TimeoutError) as failed:
            raise TemporalUnavailable("Temporal cannot be reached.") from failed

    async def _new_client(self) -> Client:
        """Raises TemporalUnavailable, in words for callers; the log has the reason, which may name hosts and files."""
        try:
            return await self._connect()
        except (RuntimeError, TemporalUnavailable) as failed:
            log.warning("temporal_unreachable", reason=str(failed))
            raise TemporalUnavailable("Temporal cannot be reached.") from failed

    async def _require_own_namespace(self, client: Client) -> None:
        """Raises NamespaceTaken and RPCError. The check goes on when a call's time is over, for the next calls."""
        if self._installation is None or self._is_own:
            return
        if self._owner_check is None:
            checking = require_own_namespace(client, self._installation, timeout=CLAIM_TIMEOUT)
            self._owner_check = asyncio.create_task(checking)
            self._owner_check.add_done_callback(lambda check: check.cancelled() or check.exception())
        check = self._owner_check
        try:
            await asyncio.shield(check)
        finally:
            if check.done() and self._owner_check is check:
                self._owner_check = None
        self._is_own = True


def _missing_parts(found: EngineHealth, installation: str | None) -> Iterator[FieldError]:
    if not found.has_namespace:
        yield FieldError("/namespace", f"Temporal has no namespace {found.namespace}.")
    if problem := found.owner_problem(installation):
        yield FieldError("/namespace", problem)
    if found.missing_attributes:
        names = ", ".join(sorted(found.missing_attributes))
        yield FieldError("/search_attributes", f"The namespace {found.namespace} lacks {names}.")
    for queue in found.queues:
        if problem := queue.problem():
            yield FieldError(f"/queues/{queue.name}", problem)


@asynccontextmanager
async def _unless_it_has_ended() -> AsyncIterator[None]:
    """Ignore NOT_FOUND, which Temporal answers to a signal or cancel of a workflow that has ended or never was."""
    try:
        yield
    except RPCError as refused:
        if refused.status is not RPCStatusCode.NOT_FOUND:
            raise
