"""Temporal, as the API needs it: connected to when first needed, and not trusted to be there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from aijobs.domain.errors import TemporalUnavailable
from aijobs.domain.jobs.job import JobBrief
from workflows.ai_job import AiJob
from workflows.client import start_job, start_late_watch

PATIENCE: Final = timedelta(seconds=1)
"""With one call, connecting included: a caller waits for it, and the sweep starts what could not be started."""

log = structlog.get_logger()


class JobWorkflows:
    """Each method gives up after PATIENCE."""

    def __init__(self, connect: Callable[[], Awaitable[Client]]) -> None:
        self._connect = connect
        self._client: Client | None = None

    async def start(self, brief: JobBrief) -> None:
        """Start a job's workflow, unless it has been. Raises TemporalUnavailable."""
        async with self._reached() as client:
            await start_job(client, brief)

    async def start_or_leave(self, brief: JobBrief) -> None:
        """What cannot be started now is left to the sweep."""
        try:
            await self.start(brief)
        except TemporalUnavailable as away:
            log.warning("job_left_to_the_sweep", code=brief.code, reason=str(away))

    async def cancel(self, code: str, *, reason: str) -> None:
        """Ask for a job's end; nothing happens when its workflow has ended. Raises TemporalUnavailable."""
        async with self._reached() as client:
            await client.get_workflow_handle(code).cancel(reason=reason)

    async def poll_now(self, brief: JobBrief) -> None:
        """Let a job, or the slow watch of one that has ended, ask its provider now. Raises TemporalUnavailable."""
        if not brief.job_status.is_final:
            await self.hint(brief.code, raw_status=None)
            return
        async with self._reached() as client:
            await start_late_watch(client, brief)

    async def hint(self, code: str, *, raw_status: str | None) -> None:
        """Let a job ask its provider now. Nothing happens when its workflow has ended. Raises TemporalUnavailable."""
        told = {"raw_status": raw_status} if raw_status else {}
        async with self._reached() as client:
            try:
                await client.get_workflow_handle(code).signal(AiJob.provider_event, told)
            except RPCError as refused:
                if refused.status is not RPCStatusCode.NOT_FOUND:
                    raise

    async def probe(self) -> None:
        """Raises TemporalUnavailable."""
        async with self._reached() as client:
            await client.service_client.check_health(timeout=PATIENCE)

    @asynccontextmanager
    async def _reached(self) -> AsyncIterator[Client]:
        """For one call, which has PATIENCE together with connecting. Raises TemporalUnavailable."""
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                if self._client is None:
                    self._client = await self._connect()
                yield self._client
        except RPCError as refused:
            raise TemporalUnavailable(f"Temporal does not answer as it should ({refused.status.name}).") from refused
        except (RuntimeError, TimeoutError) as failed:
            raise TemporalUnavailable("Temporal cannot be reached.") from failed
