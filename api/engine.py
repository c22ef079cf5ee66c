"""Temporal, as the API needs it: connected to when first needed, and not trusted to be there."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from aijobs.domain.errors import TemporalUnavailable
from aijobs.domain.jobs.job import JobBrief
from workflows.ai_job import AiJob
from workflows.client import start_job, start_late_watch

PATIENCE: Final = timedelta(seconds=3)

log = structlog.get_logger()


class JobWorkflows:
    """Each method gives up after a few seconds."""

    def __init__(self, connect: Callable[[], Awaitable[Client]]) -> None:
        self._connect = connect
        self._client: Client | None = None

    async def start(self, brief: JobBrief) -> None:
        """Start a job's workflow, unless it has been. Raises TemporalUnavailable."""
        client = await self._connected()
        try:
            await start_job(client, brief)
        except RPCError as refused:
            raise _unavailable(refused) from refused

    async def start_or_leave(self, brief: JobBrief) -> None:
        """What cannot be started now is left to the sweep."""
        try:
            await self.start(brief)
        except TemporalUnavailable as away:
            log.warning("job_left_to_the_sweep", code=brief.code, reason=str(away))

    async def cancel(self, code: str, *, reason: str) -> None:
        """Ask for a job's end; nothing happens when its workflow has ended. Raises TemporalUnavailable."""
        client = await self._connected()
        try:
            await client.get_workflow_handle(code).cancel(reason=reason, rpc_timeout=PATIENCE)
        except RPCError as refused:
            raise _unavailable(refused) from refused

    async def poll_now(self, brief: JobBrief) -> None:
        """Let a job, or the slow watch of one that has ended, ask its provider now. Raises TemporalUnavailable."""
        if brief.job_status.is_final:
            await self._watch_late(await self._connected(), brief)
        else:
            await self.hint(brief.code, raw_status=None)

    async def _watch_late(self, client: Client, brief: JobBrief) -> None:
        try:
            await start_late_watch(client, brief)
        except RPCError as refused:
            raise _unavailable(refused) from refused

    async def hint(self, code: str, *, raw_status: str | None) -> None:
        """Let a job ask its provider now. Nothing happens when its workflow has ended. Raises TemporalUnavailable."""
        client = await self._connected()
        told = {"raw_status": raw_status} if raw_status else {}
        try:
            await client.get_workflow_handle(code).signal(AiJob.provider_event, told, rpc_timeout=PATIENCE)
        except RPCError as refused:
            if refused.status is not RPCStatusCode.NOT_FOUND:
                raise _unavailable(refused) from refused

    async def probe(self) -> None:
        """Raises TemporalUnavailable."""
        client = await self._connected()
        try:
            await client.service_client.check_health(timeout=PATIENCE)
        except RPCError as refused:
            raise _unavailable(refused) from refused

    async def _connected(self) -> Client:
        if self._client is None:
            try:
                async with asyncio.timeout(PATIENCE.total_seconds()):
                    self._client = await self._connect()
            except (RuntimeError, RPCError, TimeoutError) as failed:
                raise TemporalUnavailable("Temporal cannot be reached.") from failed
        return self._client


def _unavailable(refused: RPCError) -> TemporalUnavailable:
    return TemporalUnavailable(f"Temporal does not answer as it should ({refused.status.name}).")
