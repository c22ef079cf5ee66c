"""The HTTP client for paid services: the providers' packages and the chat adapter use it.

It knows no vendor. Downloads of outputs and webhooks to callers go to URLs that others choose: they have their own
clients, over `ssrf_guard`.

A paid request is sent at most once: `send_once` never retries, follows no redirect, and uses a new connection. (On a
kept-alive connection that the provider has just closed, it is unknown whether a request arrived.) Free requests go
through `call`, whose failures may be retried; retries are not done here.
"""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final

import httpx

from aijobs.adapters.network.retry_after import parsed_retry_after
from aijobs.adapters.network.traced_transport import traced_transport
from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.values.sandbox_faults import fault_headers

MAX_BODY: Final = 32 * 1024 * 1024  #: bytes; a page of a hundred predictions with inline inputs fits
MAX_CONNECTIONS: Final = 100
MAX_RETRY_AFTER: Final = timedelta(days=1)
TRY_LATER: Final = frozenset({408, 425, 429})  #: besides every 5xx

REDACTED: Final = b"(the key)"
SHORTEST_SECRET: Final = 8  #: characters; a shorter value is a word that may stand in any text
_CREDENTIAL_HEADER: Final = re.compile(r"(proxy-)?authorization|(?!.*idempotency).*(key|token|secret)", re.IGNORECASE)

#: All failures of a connection or of a response. Cancellation of our own task is not among them.
_FAILURES: Final = (httpx.RequestError, OSError, ValueError)

#: Raised only before the first byte is sent: no connection was made, or h11 refused to write the headers.
_BEFORE_SENDING: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Timeouts of requests. A submit's `whole` must be well below every model's submit deadline."""

    connect: timedelta = timedelta(seconds=10)
    silence: timedelta = timedelta(seconds=60)  #: between two bytes
    whole: timedelta = timedelta(seconds=90)
    upload: timedelta = timedelta(minutes=10)


@dataclass(frozen=True)
class HttpReply:
    """A complete response. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def document(self) -> dict[str, Any] | None:
        """The body as a JSON object, or None when it is none."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return parsed if isinstance(parsed, dict) else None


@dataclass(frozen=True)
class NotSent:
    """No byte of the request was sent."""

    reason: str


@dataclass(frozen=True)
class NoReply:
    """The request may have arrived; no complete response was received."""

    reason: str


class StreamBroken(Exception):
    """A response ended early."""


@dataclass(frozen=True)
class StreamedReply:
    """A response whose body is still being received. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]

    async def whole(self) -> HttpReply:
        """Read to the end. Raises ValueError beyond MAX_BODY."""
        return HttpReply(self.status, self.headers, await _bounded(self.chunks))


class HttpClient:
    """Requests to one provider; `name` is used in error messages."""

    def __init__(
        self,
        name: str,
        *,
        paid: httpx.AsyncClient,
        free: httpx.AsyncClient,
        timeouts: Timeouts,
        secrets: Collection[bytes] = (),
    ) -> None:
        self._name = name
        self._secrets = secrets
        self._paid = paid
        self._free = free
        self._timeouts = timeouts

    async def send_once(
        self, method: str, url: str, *, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> HttpReply | NotSent | NoReply:
        """Send a request that costs money, exactly once. Network failures are returned, never raised."""
        request = self._build_request(method, url, headers, body)
        if isinstance(request, NotSent):
            return request
        try:
            async with asyncio.timeout(self._timeouts.whole.total_seconds()):
                return await _exchange(self._paid, request, self._secrets)
        except _BEFORE_SENDING as failure:
            return NotSent(_reason(failure))
        except _FAILURES as failure:
            return NoReply(_reason(failure))

    @asynccontextmanager
    async def stream_once(
        self, method: str, url: str, *, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> AsyncIterator[StreamedReply | NotSent | NoReply]:
        """Like `send_once`, for a streamed response, within `timeouts.whole`.

        Reading `chunks` raises StreamBroken when the response ends early.
        """
        deadline = asyncio.get_running_loop().time() + self._timeouts.whole.total_seconds()
        request = self._build_request(method, url, headers, body)
        response = request if isinstance(request, NotSent) else await self._open_stream(request, deadline)
        if not isinstance(response, httpx.Response):
            yield response
            return
        try:
            yield StreamedReply(response.status_code, dict(response.headers.items()), _chunks(response, deadline))
        finally:
            await response.aclose()

    def _build_request(
        self, method: str, url: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> httpx.Request | NotSent:
        try:
            request = self._paid.build_request(method, url, headers={**headers, **fault_headers(url)}, json=body)
            # Otherwise the resolver refuses it later, with an error that may also come after sending.
            request.url.host.encode("idna")
        except (httpx.InvalidURL, ValueError, TypeError):
            return NotSent("the request cannot be written")
        return request

    async def _open_stream(self, request: httpx.Request, deadline: float) -> httpx.Response | NotSent | NoReply:
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
        body: Mapping[str, Any] | None = None,
    ) -> HttpReply:
        """Send a request that costs nothing, with a streamed body or one of JSON where there is one.

        Raises ProviderUnavailable when no complete response comes, and for 429, 408, 425 and 5xx (with Retry-After).
        Exceptions of `content` are passed on, except OSError.
        """
        timeout = self._timeouts.whole if content is None else self._timeouts.upload
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                request = self._free.build_request(method, url, headers=dict(headers), content=content, json=body)
                reply = await _exchange(self._free, request, self._secrets)
        except (httpx.InvalidURL, *_FAILURES) as failure:
            # The cause may quote a header, and so the key.
            raise ProviderUnavailable(f"{self._name} cannot be reached: {_reason(failure)}") from None
        if reply.status in TRY_LATER or reply.status >= 500:
            wait = retry_after(reply.headers)
            raise ProviderUnavailable(f"{self._name} answered {reply.status}", retry_after=wait)
        return reply


@asynccontextmanager
async def opened_http(
    name: str, *, timeouts: Timeouts | None = None, auth: httpx.Auth | None = None, secrets: Collection[bytes] = ()
) -> AsyncIterator[HttpClient]:
    """A client for one provider, for as long as the context lasts. Proxies and netrc of the environment are ignored.

    `auth` signs requests as they are sent; `secrets` are taken out of answers, as keys in headers are.
    """
    chosen = timeouts or Timeouts()
    timeout = httpx.Timeout(chosen.silence.total_seconds(), connect=chosen.connect.total_seconds())
    no_keepalive = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=0)
    keepalive = httpx.Limits(max_connections=MAX_CONNECTIONS)

    def client(limits: httpx.Limits) -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(retries=0, limits=limits, verify=_tls(), trust_env=False)
        return httpx.AsyncClient(
            transport=traced_transport(transport, name),
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            auth=auth,
            headers={"User-Agent": "aijobs"},
        )

    async with client(no_keepalive) as paid, client(keepalive) as free:
        yield HttpClient(name, paid=paid, free=free, timeouts=chosen, secrets=secrets)


@cache
def _tls() -> ssl.SSLContext:
    """Cached: reading the certificate authorities takes tens of milliseconds."""
    return httpx.create_ssl_context(trust_env=False)


async def _exchange(client: httpx.AsyncClient, request: httpx.Request, secrets: Collection[bytes]) -> HttpReply:
    """A vendor may quote the key that it refuses; it is taken out, since such answers are shown and stored."""
    response = await client.send(request, stream=True)
    try:
        body = await _bounded(response.aiter_bytes())
    finally:
        await response.aclose()
    for secret in (*secrets, *_secrets_in(request.headers)):
        body = body.replace(secret, REDACTED)
    return HttpReply(response.status_code, dict(response.headers.items()), body)


def _secrets_in(headers: httpx.Headers) -> list[bytes]:
    """The values of headers that carry a credential, without the name of a scheme before it."""
    credentials = [value for name, value in headers.items() if _CREDENTIAL_HEADER.fullmatch(name)]
    return [key.encode() for value in credentials if len(key := value.rpartition(" ")[2]) >= SHORTEST_SECRET]


async def _bounded(chunks: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > MAX_BODY:
            raise ValueError(f"the answer is longer than {MAX_BODY} bytes")
    return bytes(body)


async def _chunks(response: httpx.Response, deadline: float) -> AsyncIterator[bytes]:
    iterator = response.aiter_bytes()
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                chunk = await anext(iterator, None)
        except _FAILURES as failure:
            raise StreamBroken(_reason(failure)) from None
        if chunk is None:
            return
        yield chunk


def _reason(failure: Exception) -> str:
    """The failure as a text without secrets: httpx quotes a refused header with its value, which may be the key."""
    if isinstance(failure, httpx.LocalProtocolError | httpx.InvalidURL | UnicodeError):
        return "the request cannot be written"
    return f"{type(failure).__name__}: {failure}" if str(failure) else type(failure).__name__


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """How long to wait, from Retry-After (seconds or an HTTP date, RFC 9110 10.2.3) or from `ratelimit-reset`."""
    values = (headers.get("retry-after"), headers.get("ratelimit-reset"))
    return next(filter(None, (parsed_retry_after(value, at_most=MAX_RETRY_AFTER) for value in values)), None)
