"""What all vendors of one sandbox share: archive, ledger, faults, webhooks, pace and worker threads."""

import asyncio
import base64
import functools
import hashlib
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, cast

import httpx
from fastapi import Request

from sandbox.call import ErrorResponse, Refusal, VendorCall
from sandbox.clock import CLOCK, ClosingEvent
from sandbox.config import Pace, SandboxConfig
from sandbox.faults import fault_board
from sandbox.faults.catalogue import Operation
from sandbox.faults.fault_board import FaultBoard
from sandbox.ids_and_links import Links
from sandbox.persistence import archive
from sandbox.persistence.archive import Archive, Blobs
from sandbox.persistence.ledger import Ledger
from sandbox.webhooks import Webhooks

Result = TypeVar("Result")


class VendorService(Protocol):
    """What the routes of one vendor share: its jobs, files, accounts."""

    async def reset(self) -> None:
        """Delete everything. Running jobs are stopped and send no webhook."""


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
        """Run CPU-bound work in one of the sandbox's worker threads."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    async def reset(self) -> None:
        """Delete every job, fault, ledger row, webhook and file; restore the configured pace and the time."""
        for service in self.services.values():
            await service.reset()
        await self.webhooks.reset()
        self.board.clear()
        self.ledger.clear()
        await asyncio.to_thread(self.blobs.clear)
        self.pace = self.config.pace
        CLOCK.ahead_ns = 0


@asynccontextmanager
async def opened(config: SandboxConfig) -> AsyncIterator[SandboxContext]:
    with archive.opened(config.data_dir) as (documents, blobs), _threads(config.work_threads) as threads:
        async with httpx.AsyncClient(trust_env=False, max_redirects=5, verify=_tls()) as http:
            closing = ClosingEvent()
            armed = FaultBoard(documents)
            context = SandboxContext(
                config=config,
                pace=config.pace,
                archive=documents,
                blobs=blobs,
                board=armed,
                ledger=Ledger(documents),
                links=Links(config.base_url, _stored_secret(documents, "link_key").encode()),
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
            context.webhooks.resume()
            try:
                yield context
            finally:
                closing.begin()
                await context.webhooks.stop()


@functools.cache
def _tls() -> ssl.SSLContext:
    """Cached: reading the certificates takes tens of milliseconds."""
    return httpx.create_ssl_context(trust_env=False)


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool that does not wait for unfinished work when it is closed."""
    threads = ThreadPoolExecutor(count, thread_name_prefix="sandbox")
    try:
        yield threads
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def context_of(request: Request) -> SandboxContext:
    return cast(SandboxContext, request.app.state.context)


def vendor_call(operation: Operation, error_response: ErrorResponse) -> Callable[[Request], Awaitable[VendorCall]]:
    """A dependency that opens a call, with the server's faults and those of the X-Sandbox-Fault header."""

    async def open_call(request: Request) -> VendorCall:
        context = context_of(request)
        call = VendorCall(operation, error_response=error_response, closing=context.closing)
        call.join(context.board.take(operation))
        call.join(fault_board.faults_in(request.headers.get("x-sandbox-fault", ""), during=operation))
        await call.raise_if_refused()
        return call

    return open_call


def bearer_account(error_response: ErrorResponse) -> Callable[[Request], Awaitable[str]]:
    """A dependency: the account of the key in `Authorization: Bearer`. Raises Refusal (401)."""

    async def account_of(request: Request) -> str:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        accepted = context_of(request).config.tokens
        if scheme != "Bearer" or not key.strip() or (accepted and key.strip() not in accepted):
            raise Refusal(error_response(401, {}))
        return hashlib.sha256(key.encode()).hexdigest()[:16]

    return account_of


def _webhook_secret(config: SandboxConfig, documents: Archive) -> str:
    if config.webhook_secret is not None:
        return config.webhook_secret.get_secret_value()
    return "whsec_" + _stored_secret(documents, "webhook_secret")


def _stored_secret(documents: Archive, name: str) -> str:
    """A random secret, generated once and stored in the archive."""
    stored = documents.get("secrets", name)
    if stored is None:
        stored = base64.b64encode(secrets.token_bytes(24)).decode()
        documents.put("secrets", name, stored)
    return stored
