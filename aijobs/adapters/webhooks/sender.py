"""Sends webhooks: each attempt is one POST over a guarded connection; failures are returned as replies."""

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
from aijobs.adapters.network.traced_transport import traced_transport
from aijobs.adapters.webhooks.settings import WebhookSettings
from aijobs.adapters.webhooks.url_check import webhook_url_error
from aijobs.domain.errors import AddressRefused
from aijobs.domain.webhooks import WebhookMessage, WebhookReply, secret_of

MAX_RESPONSE_BYTES: Final = 64 * 1024
RESPONSE_TIMEOUT: Final = timedelta(seconds=1)
"""Only the status matters; the body is read so that the connection can be reused."""

MAX_RETRY_AFTER: Final = timedelta(hours=24)
MAX_REASON: Final = 200


class HttpWebhookSender:
    """Implements WebhookSender. Use as an async context manager: one pool of connections for a process."""

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
        self._transport = traced_transport(guarded_transport(SsrfGuard(self._trusted, resolver), tls), "webhook")

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def send(self, message: WebhookMessage) -> WebhookReply:
        if error := webhook_url_error(message.url, self._trusted):
            return WebhookReply(error=error)
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                response = await self._transport.handle_async_request(self._request(message))
        except TimeoutError:
            return WebhookReply(error=f"No answer within {self._timeout.total_seconds():g} s.")
        except (AddressRefused, httpx.TransportError) as failed:
            return WebhookReply(error=_reason(failed))
        await _release(response)
        wait = parsed_retry_after(response.headers.get("retry-after"), at_most=MAX_RETRY_AFTER)
        return WebhookReply(status=response.status_code, retry_after=wait)

    def _request(self, message: WebhookMessage) -> httpx.Request:
        headers = {
            "content-type": "application/json",
            "user-agent": "aijobs",
            **_signed_headers(self._secret, message, datetime.now(UTC)),
        }
        timeout = httpx.Timeout(self._timeout.total_seconds()).as_dict()
        return httpx.Request(
            "POST", message.url, headers=headers, content=message.body.encode(), extensions={"timeout": timeout}
        )


async def _release(response: httpx.Response) -> None:
    """Read a short body, so that the connection can be reused; close the connection of a long or slow one."""
    received = 0
    try:
        with suppress(TimeoutError, httpx.TransportError):
            async with asyncio.timeout(RESPONSE_TIMEOUT.total_seconds()):
                async for chunk in response.aiter_raw():
                    received += len(chunk)
                    if received > MAX_RESPONSE_BYTES:
                        break
    finally:
        await response.aclose()


def _reason(failed: Exception) -> str:
    reason = str(failed)[:MAX_REASON] or type(failed).__name__
    return reason if isinstance(failed, AddressRefused) else f"The connection failed: {reason}"


def _signed_headers(master: bytes, message: WebhookMessage, now: datetime) -> Mapping[str, str]:
    """The three headers of Standard Webhooks, with one signature for each secret. `now` is UTC."""
    signatures = [
        Webhook(secret_of(master, ref)).sign(message.message_id, now, message.body) for ref in message.secret_refs
    ]
    return {
        "webhook-id": message.message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
