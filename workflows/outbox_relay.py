"""The outbox relay: starts the workflow of each delivery shortly after it was written.

The delivery in the database is the source of truth. When a process is killed before it starts the workflow, or the
workflow is lost later, the delivery becomes due again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from aijobs.domain.ports.webhooks import Deliveries
from workflows.client import start_delivery

log = structlog.get_logger()


@asynccontextmanager
async def outbox_relay(client: Client, deliveries: Deliveries) -> AsyncIterator[None]:
    """Relay until the block ends. Several processes may do so at the same time."""
    async with asyncio.TaskGroup() as group:
        following = group.create_task(_follow(client, deliveries))
        try:
            yield
        finally:
            following.cancel()


async def _follow(client: Client, deliveries: Deliveries) -> None:
    async for codes in deliveries.due():
        await asyncio.gather(*(_start(client, code) for code in codes))


async def _start(client: Client, code: str) -> None:
    try:
        await start_delivery(client, code)
    except RPCError as refused:
        log.warning("webhook_left_to_the_next_look", delivery=code, reason=refused.status.name)
