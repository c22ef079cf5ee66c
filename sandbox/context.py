"""What all vendors of one sandbox share: archive, ledger, faults, webhooks, pace and worker threads."""

import asyncio
import base64
import functools
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, cast

import httpx
from fastapi import Request

from sandbox.call import Complain, VendorCall
from sandbox.clock import ClosingEvent
from sandbox.config import Pace, SandboxConfig
from sandbox.faults import fault_board
from sandbox.faults.catalogue import Operation
from sandbox.faults.fault_board import FaultBoard
from sandbox.ids import Links
from sandbox.persistence import archive
from sandbox.persistence.archive import Archive, Blobs
from sandbox.persistence.ledger import Ledger
from sandbox.webhooks import Webhooks

Result = TypeVar("Result")


class VendorService(Protocol):
    """What the routes of one vendor share: its jobs, files, accounts."""

    async def reset(self) -> None:
        """Forget everything; what is running ends without a word."""


@dataclass(kw_only=True)
class SandboxContext:
    """What all vendors of a sandbox share."""

    config: SandboxConfig
    pace: Pace
    archive: Archive
    blobs: Blobs
    board: FaultBoard
    ledger: Ledger
    links: Links
    webhooks: Webhooks
    http: httpx.AsyncClient
    threads: ThreadPoolExecutor
    closing: ClosingEvent
    services: dict[str, VendorService] = field(default_factory=dict)  #: by the vendor's name, while it is served

    async def compute(self, work: Callable[[], Result]) -> Result:
        """Run heavy work in one of the sandbox's few worker threads."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    async def reset(self) -> None:
        """Forget every job, fault, ledger row, webhook and file; go back to the configured pace."""
        for service in self.services.values():
            await service.reset()
        await self.webhooks.reset()
        self.board.clear()
        self.ledger.clear()
        await asyncio.to_thread(self.blobs.clear)
        self.pace = self.config.pace


@asynccontextmanager
async def opened(config: SandboxConfig) -> AsyncIterator[SandboxContext]:
    with archive.opened(config.data_dir) as (documents, blobs), _threads(config.work_threads) as threads:
        async with httpx.AsyncClient(trust_env=False, max_redirects=5, verify=_tls()) as http:
            closing = ClosingEvent()
            armed = FaultBoard(documents)
            world = SandboxContext(
                config=config,
                pace=config.pace,
                archive=documents,
                blobs=blobs,
                board=armed,
                ledger=Ledger(documents),
                links=Links(config.base_url, _kept_secret(documents, "link_key").encode()),
                webhooks=Webhooks(
                    archive=documents,
                    board=armed,
                    http=http,
                    secret=_webhook_secret(config, documents),
                    closing=closing,
                ),
                http=http,
                threads=threads,
                closing=closing,
            )
            world.webhooks.resume()
            try:
                yield world
            finally:
                closing.begin()
                await world.webhooks.stop()


@functools.cache
def _tls() -> ssl.SSLContext:
    """Read once: it takes a while."""
    return httpx.create_ssl_context(trust_env=False)


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Worker threads whose unfinished work holds nothing up at the end."""
    threads = ThreadPoolExecutor(count, thread_name_prefix="sandbox")
    try:
        yield threads
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def context_of(request: Request) -> SandboxContext:
    return cast(SandboxContext, request.app.state.world)


def calling(operation: Operation, complain: Complain) -> Callable[[Request], Awaitable[VendorCall]]:
    """A dependency that opens a call: faults of the server and of the X-Sandbox-Fault header strike it."""

    async def open_call(request: Request) -> VendorCall:
        world = context_of(request)
        call = VendorCall(operation, complain=complain, closing=world.closing)
        call.join(world.board.take(operation))
        call.join(fault_board.faults_in(request.headers.get("x-sandbox-fault", ""), during=operation))
        await call.refuse_if_told()
        return call

    return open_call


def _webhook_secret(config: SandboxConfig, documents: Archive) -> str:
    if config.webhook_secret is not None:
        return config.webhook_secret.get_secret_value()
    return "whsec_" + _kept_secret(documents, "webhook_secret")


def _kept_secret(documents: Archive, name: str) -> str:
    """A random secret, the same each time this archive is opened."""
    kept = documents.get("secrets", name)
    if kept is None:
        kept = base64.b64encode(secrets.token_bytes(24)).decode()
        documents.put("secrets", name, kept)
    return kept
