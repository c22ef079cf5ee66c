"""The one place that speaks HTTP to whom we pay: the providers' packages and the chat adapter use it.

It stands in the network, below both of them, and knows no vendor. Downloads of outputs and webhooks to callers go to
addresses that others choose: they have clients of their own, over `ssrf_guard`.

A paid request leaves at most once: `send_once` never retries, follows no redirect, and goes out over a connection of
its own. (On a kept connection that the provider has just closed, nobody could tell whether it arrived.) Everything
that is free goes through `call`, whose failures are worth another try; the trying is not done here.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final

import httpx

from aijobs.adapters.network.retry_after import parsed_retry_after
from aijobs.domain.errors import ProviderUnavailable

MAX_BODY: Final = 32 * 1024 * 1024  #: bytes; a page of a hundred predictions with inline inputs fits
MAX_CONNECTIONS: Final = 100
MAX_RETRY_AFTER: Final = timedelta(days=1)
TRY_LATER: Final = frozenset({408, 425, 429})  #: besides every 5xx

#: Everything that a connection, or what comes over it, can do to us. Cancellation of our own task is not among it.
_FAILURES: Final = (httpx.RequestError, OSError, ValueError)

#: Raised before the first byte leaves, and only then: no connection was made, or h11 refused to write the headers.
_BEFORE_SENDING: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long the network may take. A submit's `whole` must stay well below every model's submit deadline."""

    connect: timedelta = timedelta(seconds=10)
    silence: timedelta = timedelta(seconds=60)  #: between two bytes
    whole: timedelta = timedelta(seconds=90)
    upload: timedelta = timedelta(minutes=10)


@dataclass(frozen=True)
class HttpReply:
    """A whole answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def document(self) -> dict[str, Any] | None:
        """The JSON object that the body is, if it is one."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return parsed if isinstance(parsed, dict) else None


@dataclass(frozen=True)
class NotSent:
    """Not a byte of the request left."""

    reason: str


@dataclass(frozen=True)
class NoReply:
    """The request may have arrived; no whole answer came back."""

    reason: str


class StreamBroken(Exception):
    """The rest of an answer does not come."""


@dataclass(frozen=True)
class StreamedReply:
    """An answer whose body is still coming. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]

    async def whole(self) -> HttpReply:
        """Read to the end. Raises ValueError beyond MAX_BODY."""
        return HttpReply(self.status, self.headers, await _bounded(self.chunks))


class HttpClient:
    """Speaks to one provider, which `name` names in error messages."""

    def __init__(self, name: str, *, paid: httpx.AsyncClient, free: httpx.AsyncClient, timeouts: Timeouts) -> None:
        self._name = name
        self._paid = paid
        self._free = free
        self._timeouts = timeouts

    async def send_once(
        self, method: str, url: str, *, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> HttpReply | NotSent | NoReply:
        """Send a request that costs money, exactly once. Never raises for what the network does."""
        request = self._written(method, url, headers, body)
        if isinstance(request, NotSent):
            return request
        try:
            async with asyncio.timeout(self._timeouts.whole.total_seconds()):
                return await _exchange(self._paid, request)
        except _BEFORE_SENDING as failure:
            return NotSent(_reason(failure))
        except _FAILURES as failure:
            return NoReply(_reason(failure))

    @asynccontextmanager
    async def stream_once(
        self, method: str, url: str, *, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> AsyncIterator[StreamedReply | NotSent | NoReply]:
        """Like `send_once`, for an answer that is read as it comes, within `timeouts.whole`.

        Reading `chunks` raises StreamBroken when the rest does not come.
        """
        deadline = asyncio.get_running_loop().time() + self._timeouts.whole.total_seconds()
        request = self._written(method, url, headers, body)
        opened = request if isinstance(request, NotSent) else await self._opened(request, deadline)
        if not isinstance(opened, httpx.Response):
            yield opened
            return
        try:
            yield StreamedReply(opened.status_code, dict(opened.headers.items()), _chunks(opened, deadline))
        finally:
            await opened.aclose()

    def _written(
        self, method: str, url: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> httpx.Request | NotSent:
        try:
            request = self._paid.build_request(method, url, headers=dict(headers), json=body)
            request.url.host.encode("idna")  # or the resolver would refuse it later, with an error of no known moment
        except (httpx.InvalidURL, ValueError, TypeError):
            return NotSent("the request cannot be written")
        return request

    async def _opened(self, request: httpx.Request, deadline: float) -> httpx.Response | NotSent | NoReply:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._paid.send(request, stream=True)
        except _BEFORE_SENDING as failure:
            return NotSent(_reason(failure))
        except _FAILURES as failure:
            return NoReply(_reason(failure))

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: AsyncIterator[bytes] | None = None,
    ) -> HttpReply:
        """Send a request that costs nothing, with a streamed body where there is one.

        Raises ProviderUnavailable when no whole answer comes, and for 429, 408, 425 and 5xx (with Retry-After).
        What `content` raises passes through, unless it is an OSError.
        """
        limit = self._timeouts.whole if content is None else self._timeouts.upload
        try:
            async with asyncio.timeout(limit.total_seconds()):
                request = self._free.build_request(method, url, headers=dict(headers), content=content)
                reply = await _exchange(self._free, request)
        except (httpx.InvalidURL, *_FAILURES) as failure:
            # The cause may quote a header, and with it the key.
            raise ProviderUnavailable(f"{self._name} cannot be reached: {_reason(failure)}") from None
        if reply.status in TRY_LATER or reply.status >= 500:
            wait = retry_after(reply.headers)
            raise ProviderUnavailable(f"{self._name} answered {reply.status}", retry_after=wait)
        return reply


@asynccontextmanager
async def opened_http(name: str, *, timeouts: Timeouts | None = None) -> AsyncIterator[HttpClient]:
    """A client for one provider, for as long as the context lasts. Proxies and netrc of the environment are ignored."""
    allowed = timeouts or Timeouts()
    of_network = httpx.Timeout(allowed.silence.total_seconds(), connect=allowed.connect.total_seconds())
    fresh = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=0)
    kept = httpx.Limits(max_connections=MAX_CONNECTIONS)

    def client(limits: httpx.Limits) -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(retries=0, limits=limits, verify=_tls(), trust_env=False)
        return httpx.AsyncClient(
            transport=transport,
            timeout=of_network,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "aijobs"},
        )

    async with client(fresh) as paid, client(kept) as free:
        yield HttpClient(name, paid=paid, free=free, timeouts=allowed)


@cache
def _tls() -> ssl.SSLContext:
    """Reading every certificate authority takes tens of milliseconds; once is enough."""
    return httpx.create_ssl_context(trust_env=False)


async def _exchange(client: httpx.AsyncClient, request: httpx.Request) -> HttpReply:
    response = await client.send(request, stream=True)
    try:
        return HttpReply(response.status_code, dict(response.headers.items()), await _bounded(response.aiter_bytes()))
    finally:
        await response.aclose()


async def _bounded(chunks: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > MAX_BODY:
            raise ValueError(f"the answer is longer than {MAX_BODY} bytes")
    return bytes(body)


async def _chunks(response: httpx.Response, deadline: float) -> AsyncIterator[bytes]:
    coming = response.aiter_bytes()
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                chunk = await anext(coming, None)
        except _FAILURES as failure:
            raise StreamBroken(_reason(failure)) from None
        if chunk is None:
            return
        yield chunk


def _reason(failure: Exception) -> str:
    """What happened, without what only the request knows: a refused header is quoted with its value, the key."""
    if isinstance(failure, httpx.LocalProtocolError | httpx.InvalidURL | UnicodeError):
        return "the request cannot be written"
    return f"{type(failure).__name__}: {failure}" if str(failure) else type(failure).__name__


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """How long to wait, from Retry-After (seconds or an HTTP date, RFC 9110 10.2.3) or from `ratelimit-reset`."""
    named = (headers.get("retry-after"), headers.get("ratelimit-reset"))
    return next(filter(None, (parsed_retry_after(written, at_most=MAX_RETRY_AFTER) for written in named)), None)
