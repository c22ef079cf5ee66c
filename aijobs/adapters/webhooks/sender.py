"""Sends webhooks: each try is one POST over a guarded connection, and whatever comes of it is a reply."""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self

import httpx
from standardwebhooks import Webhook

from aijobs.adapters.network.retry_after import parsed_retry_after
from aijobs.adapters.network.ssrf_guard import Resolver, SsrfGuard, guarded_transport, system_resolver
from aijobs.adapters.webhooks.settings import WebhookSettings
from aijobs.adapters.webhooks.url_check import webhook_url_error
from aijobs.domain.errors import AddressRefused
from aijobs.domain.webhooks import WebhookMessage, WebhookReply, secret_of

MAX_ANSWER_BYTES: Final = 64 * 1024
ANSWER_PATIENCE: Final = timedelta(seconds=1)
"""The status says everything; the rest of an answer is read for the sake of the connection alone."""

MAX_RETRY_AFTER: Final = timedelta(hours=24)
MAX_REASON: Final = 200


class HttpWebhookSender:
    """Implements Messenger. Use as an async context manager: one pool of connections for a process."""

    def __init__(
        self,
        settings: WebhookSettings,
        secret: bytes,
        *,
        resolver: Resolver = system_resolver,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._secret = secret
        self._timeout = settings.timeout
        self._trusted = settings.trusted
        # A transport and no client around it: no redirects, no cookies, no proxy from the environment.
        self._transport = guarded_transport(SsrfGuard(self._trusted, resolver), tls)

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def send(self, notice: WebhookMessage) -> WebhookReply:
        if complaint := webhook_url_error(notice.url, self._trusted):
            return WebhookReply(error=complaint)
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                response = await self._transport.handle_async_request(self._request(notice))
        except TimeoutError:
            return WebhookReply(error=f"No answer within {self._timeout.total_seconds():g} s.")
        except (AddressRefused, httpx.TransportError) as failed:
            return WebhookReply(error=_reason(failed))
        await _let_go(response)
        wait = parsed_retry_after(response.headers.get("retry-after"), at_most=MAX_RETRY_AFTER)
        return WebhookReply(status=response.status_code, retry_after=wait)

    def _request(self, notice: WebhookMessage) -> httpx.Request:
        headers = {
            "content-type": "application/json",
            "user-agent": "aijobs",
            **_signed_headers(self._secret, notice, datetime.now(UTC)),
        }
        patience = httpx.Timeout(self._timeout.total_seconds()).as_dict()
        return httpx.Request(
            "POST", notice.url, headers=headers, content=notice.body.encode(), extensions={"timeout": patience}
        )


async def _let_go(response: httpx.Response) -> None:
    """A short answer is read, so that its connection can be used again; a long or slow one is cut off."""
    received = 0
    try:
        with suppress(TimeoutError, httpx.TransportError):
            async with asyncio.timeout(ANSWER_PATIENCE.total_seconds()):
                async for chunk in response.aiter_raw():
                    received += len(chunk)
                    if received > MAX_ANSWER_BYTES:
                        break
    finally:
        await response.aclose()


def _reason(failed: Exception) -> str:
    said = str(failed)[:MAX_REASON] or type(failed).__name__
    return said if isinstance(failed, AddressRefused) else f"The connection failed: {said}"


def _signed_headers(master: bytes, notice: WebhookMessage, moment: datetime) -> Mapping[str, str]:
    """The three headers of Standard Webhooks, with one signature for each secret. `moment` is UTC."""
    signatures = [
        Webhook(secret_of(master, seal)).sign(notice.message_id, moment, notice.body) for seal in notice.secret_refs
    ]
    return {
        "webhook-id": notice.message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
