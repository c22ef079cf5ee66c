"""The one place that speaks HTTP. Nothing is tried again here, and no redirect is followed."""

import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, TypedDict

import httpx

from aijobs_client.errors import NotUnderstood, Unreachable
from aijobs_client.request import Call, Reply

MAX_ANSWER: Final = 64 * 1024 * 1024  #: bytes of an answer that is read as a whole
CONNECT_PATIENCE: Final = 10.0  #: seconds
SILENCE: Final = 60.0  #: seconds between two bytes; on a stream the API gives a sign of life every ten
MAX_CONNECTIONS: Final = 200
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
USER_AGENT: Final = "aijobs-client"

#: Raised before the first byte leaves.
NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

Identity = Mapping[bytes, bytes]
NOBODY: Final[Identity] = {}
"""For signed links: they lead to a store, which must not see the key."""


@dataclass(frozen=True)
class Streamed:
    """An answer whose body is still coming."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]

    def whole(self) -> Reply:
        """Raises NotUnderstood beyond MAX_ANSWER."""
        body = bytearray()
        for chunk in self.chunks:
            _add(body, chunk)
        return Reply(self.status, self.headers, bytes(body))


@dataclass(frozen=True)
class AsyncStreamed:
    """An answer whose body is still coming."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]

    async def whole(self) -> Reply:
        """Raises NotUnderstood beyond MAX_ANSWER."""
        body = bytearray()
        async for chunk in self.chunks:
            _add(body, chunk)
        return Reply(self.status, self.headers, bytes(body))


class Line:
    """To one API, and to the stores that its links lead to. Raises ValueError for what is no address."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(**_options(url))

    def close(self) -> None:
        self._http.close()

    @contextmanager
    def opened(self, call: Call[Any], identity: Identity, *, within: float | None = None) -> Iterator[Streamed]:
        """The answer, as it comes. Raises Unreachable, also while it is read and when `within` seconds are over."""
        with _content_of(call) as content:
            request = _request(self._http, call, identity, content, within)
            with _failures_told(request), _sent(self._http, request, within) as answer:
                yield Streamed(answer.status_code, dict(answer.headers), answer.iter_bytes())


class AsyncLine:
    """To one API, and to the stores that its links lead to. Raises ValueError for what is no address."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(**_options(url))

    async def close(self) -> None:
        await self._http.aclose()

    @asynccontextmanager
    async def opened(self, call: Call[Any], identity: Identity) -> AsyncIterator[AsyncStreamed]:
        """The answer, as it comes. Raises Unreachable, also while it is read."""
        with _content_of(call) as content:
            request = _request(self._http, call, identity, content)
            with _failures_told(request):
                answer = await self._http.send(request, stream=True)
                try:
                    yield AsyncStreamed(answer.status_code, dict(answer.headers), answer.aiter_bytes())
                finally:
                    await answer.aclose()


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
        trust_env=address.host not in LOOPBACK,  # no proxy leads there
    )


def _timeouts(within: float | None) -> httpx.Timeout:
    left = SILENCE if within is None else within
    return httpx.Timeout(min(SILENCE, left), connect=min(CONNECT_PATIENCE, left))


@contextmanager
def _content_of(call: Call[Any]) -> Iterator[BinaryIO | None]:
    """Raises OSError when the file cannot be read."""
    if call.file is None:
        yield None
        return
    with call.file.open("rb") as content:
        yield content


def _request(
    http: httpx.Client | httpx.AsyncClient,
    call: Call[Any],
    identity: Identity,
    content: BinaryIO | None,
    within: float | None = None,
) -> httpx.Request:
    assert call.file is None or content is not None
    return http.build_request(
        call.method,
        call.path,
        params=call.query or None,  # an empty one would take away what the address has
        json=call.body,
        files={"file": (call.file.name, content)} if call.file and content else None,
        headers=httpx.Headers([*identity.items(), *_encoded(call.headers)]),
        timeout=_timeouts(within),
    )


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("utf-8")) for name, value in headers.items()]


@contextmanager
def _failures_told(request: httpx.Request) -> Iterator[None]:
    try:
        yield
    except httpx.RequestError as failure:
        origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
        reason = str(failure).rstrip(".") or type(failure).__name__
        raise Unreachable(origin, reason, was_sent=not isinstance(failure, NOT_SENT)) from failure


@contextmanager
def _sent(http: httpx.Client, request: httpx.Request, within: float | None) -> Iterator[httpx.Response]:
    answer = http.send(request, stream=True)
    end = threading.Timer(0.0 if within is None else within, _hang_up, [answer])
    end.daemon = True
    try:
        if within is not None:
            end.start()
        yield answer
    finally:
        end.cancel()
        answer.close()


def _hang_up(answer: httpx.Response) -> None:
    """Wake whoever reads: nothing more comes. A socket's own timeout begins anew with every byte."""
    connection = answer.extensions["network_stream"].get_extra_info("socket")
    with suppress(OSError):  # it has been closed meanwhile
        connection.shutdown(socket.SHUT_RDWR)


def _add(body: bytearray, chunk: bytes) -> None:
    body += chunk
    if len(body) > MAX_ANSWER:
        raise NotUnderstood(f"The answer is longer than {MAX_ANSWER} bytes.")
