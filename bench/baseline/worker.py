"""The worker of the baselines, in its own process: `python -m bench.baseline.worker ADDRESS`."""

import asyncio
import sys
from contextlib import AsyncExitStack

import httpx
from temporalio.client import Client
from temporalio.worker import Worker

from bench.baseline.vendor import BareVendor
from bench.baseline.workflows import (
    CALL_QUEUE,
    MOVE_QUEUE,
    WORKFLOW_QUEUE,
    BarePolling,
    BareSteps,
    BareVendorJob,
    call,
    move,
)
from worker import STICKY_TIMEOUT


def build_workers(client: Client, http: httpx.AsyncClient) -> list[Worker]:
    """Default settings, except those that are known to be slow."""
    vendor = BareVendor(http)
    workflows = [BareSteps, BarePolling, BareVendorJob]
    return [
        Worker(
            client,
            task_queue=WORKFLOW_QUEUE,
            workflows=workflows,
            sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        ),
        Worker(client, task_queue=CALL_QUEUE, activities=[call, vendor.submit, vendor.finished]),
        Worker(client, task_queue=MOVE_QUEUE, activities=[move, vendor.download]),
    ]


async def work(address: str) -> None:
    """Until the process is ended."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        for worker in build_workers(await Client.connect(address), http):
            await stack.enter_async_context(worker)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
