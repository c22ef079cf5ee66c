"""The only module that uses HTTP. Nothing is retried here, and no redirect is followed."""

import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, TypedDict

import httpx

from aijobs_client.call import Call, Response
from aijobs_client.errors import UnexpectedResponse, Unreachable

MAX_BODY_BYTES: Final = 64 * 1024 * 1024  #: of a response that is read completely
CONNECT_TIMEOUT: Final = 10.0  #: seconds
READ_TIMEOUT: Final = 60.0  #: seconds between two bytes; on a stream the API sends a comment every ten
MAX_CONNECTIONS: Final = 200
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
USER_AGENT: Final = "aijobs-client"

#: Raised before the first byte is sent.
NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

AuthHeaders = Mapping[bytes, bytes]
NO_AUTH: Final[AuthHeaders] = {}
"""For signed links: they lead to an object store, which must not see the key."""


@dataclass(frozen=True)
class StreamedResponse:
    """A response whose body is still being received."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]

    def read(self) -> Response:
        """Read the rest of the body. Raises UnexpectedResponse beyond MAX_BODY_BYTES."""
        body = bytearray()
        for chunk in self.chunks:
            _append(body, chunk)
        return Response(self.status, self.headers, bytes(body))


@dataclass(frozen=True)
class AsyncStreamedResponse:
    """A response whose body is still being received."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]

    async def read(self) -> Response:
        """Read the rest of the body. Raises UnexpectedResponse beyond MAX_BODY_BYTES."""
        body = bytearray()
        async for chunk in self.chunks:
            _append(body, chunk)
        return Response(self.status, self.headers, bytes(body))


class HttpTransport:
    """Sends requests to one API, and to the stores that its links lead to. Raises ValueError for an invalid URL."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(**_options(url))

    def close(self) -> None:
        self._http.close()

    @contextmanager
    def stream(self, call: Call[Any], auth: AuthHeaders, *, timeout: float | None = None) -> Iterator[StreamedResponse]:
        """The response, with its body still to be read. Raises Unreachable, also in the block and after `timeout`."""
        with _open_upload(call) as content:
            request = _request(self._http, call, auth, content, timeout)
            with _raise_unreachable(request), _open_response(self._http, request, timeout) as response:
                yield StreamedResponse(response.status_code, dict(response.headers), response.iter_bytes())


class AsyncHttpTransport:
    """Sends requests to one API, and to the stores that its links lead to. Raises ValueError for an invalid URL."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(**_options(url))

    async def close(self) -> None:
        await self._http.aclose()

    @asynccontextmanager
    async def stream(self, call: Call[Any], auth: AuthHeaders) -> AsyncIterator[AsyncStreamedResponse]:
        """The response, with its body still to be read. Raises Unreachable, also in the block."""
        with _open_upload(call) as content:
            request = _request(self._http, call, auth, content)
            with _raise_unreachable(request):
                response = await self._http.send(request, stream=True)
                try:
                    yield AsyncStreamedResponse(response.status_code, dict(response.headers), response.aiter_bytes())
                finally:
                    await response.aclose()


class _Options(TypedDict):
    base_url: httpx.URL
    headers: dict[str, str]
    timeout: httpx.Timeout
    limits: httpx.Limits
    trust_env: bool


def _options(url: str) -> _Options:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as unusable:
        raise ValueError(f"{url!r} is no address of an API") from unusable
    if address.scheme not in {"http", "https"} or not address.host:
        raise ValueError(f"{url!r} is no address of an API, as https://jobs.example.com is")
    return _Options(
        base_url=address,
        headers={"User-Agent": USER_AGENT},
        timeout=_timeouts(None),
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
        trust_env=address.host not in LOOPBACK,  # never over a proxy
    )


def _timeouts(timeout: float | None) -> httpx.Timeout:
    limit = READ_TIMEOUT if timeout is None else timeout
    return httpx.Timeout(min(READ_TIMEOUT, limit), connect=min(CONNECT_TIMEOUT, limit))


@contextmanager
def _open_upload(call: Call[Any]) -> Iterator[BinaryIO | None]:
    """Raises OSError when the file cannot be read."""
    if call.file is None:
        yield None
        return
    with call.file.open("rb") as content:
        yield content


def _request(
    http: httpx.Client | httpx.AsyncClient,
    call: Call[Any],
    auth: AuthHeaders,
    content: BinaryIO | None,
    timeout: float | None = None,
) -> httpx.Request:
    assert call.file is None or content is not None
    return http.build_request(
        call.method,
        call.path,
        params=call.query or None,  # an empty mapping would remove the query of the URL
        json=call.body,
        data=call.form or None,
        files={"file": (call.file.name, content)} if call.file and content else None,
        headers=httpx.Headers([*auth.items(), *_encoded(call.headers)]),
        timeout=_timeouts(timeout),
    )


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("utf-8")) for name, value in headers.items()]


@contextmanager
def _raise_unreachable(request: httpx.Request) -> Iterator[None]:
    try:
        yield
    except httpx.RequestError as failure:
        origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
        reason = str(failure).rstrip(".") or type(failure).__name__
        raise Unreachable(origin, reason, was_sent=not isinstance(failure, NOT_SENT)) from failure


@contextmanager
def _open_response(http: httpx.Client, request: httpx.Request, timeout: float | None) -> Iterator[httpx.Response]:
    response = http.send(request, stream=True)
    end = threading.Timer(0.0 if timeout is None else timeout, _shut_down, [response])
    end.daemon = True
    try:
        if timeout is not None:
            end.start()
        yield response
    finally:
        end.cancel()
        response.close()


def _shut_down(response: httpx.Response) -> None:
    """End a read that is waiting. A socket's own timeout would start again with every byte."""
    connection = response.extensions["network_stream"].get_extra_info("socket")
    with suppress(OSError):  # it is closed already
        connection.shutdown(socket.SHUT_RDWR)


def _append(body: bytearray, chunk: bytes) -> None:
    body += chunk
    if len(body) > MAX_BODY_BYTES:
        raise UnexpectedResponse(f"The response is longer than {MAX_BODY_BYTES} bytes.")
