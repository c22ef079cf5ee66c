"""The relays: start the workflows of deliveries shortly after they were written, and of jobs that were forgotten or are
due, end jobs that have not started in time, and tell jobs that they have a slot.

The database is the source of truth. When a process is killed before it starts a workflow, or the workflow of a delivery
is lost later, the database names it again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from aijobs.domain.errors import TransientError
from aijobs.domain.jobs.job import JobBrief
from aijobs.domain.ports.jobs import Expiries, JobStarts, Releases
from aijobs.domain.ports.slots import SlotGrants
from aijobs.domain.ports.webhooks import Deliveries
from workflows.client import CALL_TIMEOUT, start_delivery, start_job, tell_of_slot

log = structlog.get_logger()


@asynccontextmanager
async def outbox_relay(client: Client, deliveries: Deliveries) -> AsyncIterator[None]:
    """Relay webhooks until the block ends. Several processes may do so at the same time."""

    async def relay() -> None:
        async for codes in deliveries.due():
            await asyncio.gather(*(_start_delivery(client, code) for code in codes))

    async with _meanwhile(relay):
        yield


@asynccontextmanager
async def start_relay(client: Client, starts: JobStarts) -> AsyncIterator[None]:
    """Start forgotten jobs until the block ends. Several processes may do so at the same time."""

    async def relay() -> None:
        async for briefs in starts.forgotten():
            started = await asyncio.gather(*(_is_started(client, brief) for brief in briefs))
            codes = [brief.code for brief, done in zip(briefs, started, strict=True) if done]
            if codes:
                await _note_started(starts, codes)

    async with _meanwhile(relay):
        yield


@asynccontextmanager
async def expiry_relay(client: Client, expiries: Expiries) -> AsyncIterator[None]:
    """Cancel jobs that have not started in time, until the block ends. Several processes may do so at the same time."""

    async def relay() -> None:
        async for codes in expiries.expired():
            log.info("jobs_expired", jobs=len(codes))
            await asyncio.gather(*(_close_expired(client, code) for code in codes))

    async with _meanwhile(relay):
        yield


@asynccontextmanager
async def slot_relay(client: Client, slots: SlotGrants) -> AsyncIterator[None]:
    """Grant free slots, and tell the jobs, until the block ends. Several processes may do so at the same time."""

    async def relay() -> None:
        async for codes in slots.granted():
            await asyncio.gather(*(_tell_of_slot(client, code) for code in codes))

    async with _meanwhile(relay):
        yield


@asynccontextmanager
async def release_relay(client: Client, releases: Releases) -> AsyncIterator[None]:
    """Tell jobs that their pause has ended, some at a time, until the block ends. Several processes may do so."""

    async def relay() -> None:
        async for codes in releases.released():
            await asyncio.gather(*(_tell_of_slot(client, code) for code in codes))

    async with _meanwhile(relay):
        yield


@asynccontextmanager
async def _meanwhile(relay: Callable[[], Coroutine[None, None, None]]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        relaying = group.create_task(relay())
        try:
            yield
        finally:
            relaying.cancel()


async def _note_started(starts: JobStarts, codes: list[str]) -> None:
    log.info("forgotten_jobs_started", jobs=len(codes))
    try:
        await starts.started(codes)
    except TransientError as error:  # they come again, and starting them again changes nothing
        log.warning("starts_not_noted", jobs=len(codes), reason=str(error))


async def _close_expired(client: Client, code: str) -> None:
    """The job has ended in the database. Its workflow, if it has one, would find that at its next attempt."""
    try:
        await client.get_workflow_handle(code).cancel(reason="It had not started in time.", rpc_timeout=CALL_TIMEOUT)
    except RPCError as refused:
        if refused.status is not RPCStatusCode.NOT_FOUND:
            log.warning("workflow_left_to_its_next_attempt", job=code, reason=refused.status.name)


async def _start_delivery(client: Client, code: str) -> None:
    try:
        await start_delivery(client, code)
    except RPCError as refused:
        log.warning("webhook_left_to_the_next_look", delivery=code, reason=refused.status.name)


async def _tell_of_slot(client: Client, code: str) -> None:
    try:
        await tell_of_slot(client, code)
    except RPCError as refused:  # it looks by itself in a while
        log.warning("job_not_told_of_its_slot", job=code, reason=refused.status.name)


async def _is_started(client: Client, brief: JobBrief) -> bool:
    try:
        await start_job(client, brief)
    except RPCError as refused:
        log.warning("job_left_to_the_next_look", job=brief.code, reason=refused.status.name)
        return False
    return True
