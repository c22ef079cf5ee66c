"""Connections guarded against server-side request forgery (SSRF).

A host name is checked when the connection is made. The guard resolves it, checks every address, connects to the
numeric address and checks the peer again, so that DNS rebinding, redirects and retries cannot bypass it. TLS, Host and
certificates stay those of the name.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from typing import Any, Final

import httpcore
import httpx

from aijobs.adapters.network.host_patterns import HostPort
from aijobs.adapters.network.public_addresses import is_public
from aijobs.domain.errors import AddressRefused

PORTS: Final = frozenset({80, 443})
MAX_ADDRESSES: Final = 4  #: of one name, tried one after the other
MAX_CONNECTIONS: Final = 64
READ_BYTES: Final = 256 * 1024  #: as much as asyncio reads at once; httpcore's 64 KiB would cut that up again
KEEPALIVE_SECONDS: Final = 5.0  #: idle connections are closed soon, so that addresses are checked again

#: The same message for every refused address: it must not reveal what is there.
REFUSED: Final = "It leads to an address that is not reached from here."

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

#: Apart from the event loop's own threads: a name whose name server never answers would hold up files too.
_LOOK_UPS: Final = ThreadPoolExecutor(max_workers=16, thread_name_prefix="look-up")


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """Numeric addresses in the order of preference."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_LOOK_UPS, look_up)
    return [str(address[0]) for *_, address in found]


class SsrfGuard(httpcore.AsyncNetworkBackend):
    """A network backend that checks addresses. `allowed` hosts may have private addresses and other ports."""

    def __init__(
        self,
        allowed: Sequence[HostPort],
        resolver: Resolver,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._network = network or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises AddressRefused before anything is sent to a refused address."""
        addresses = await self._resolve(host, port, timeout)
        if not any(entry.covers(host, port) for entry in self._allowed):
            _check_addresses(addresses, port)
        return await self._connect(addresses, port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused(REFUSED)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _resolve(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolver(host, port)
        except TimeoutError as slow:
            raise httpcore.ConnectTimeout("The name server does not answer.") from slow
        except (OSError, UnicodeError) as unknown:
            raise httpcore.ConnectError("The name cannot be resolved.") from unknown
        if not addresses:
            raise httpcore.ConnectError("The name has no address.")
        return addresses

    async def _connect(
        self,
        addresses: Sequence[str],
        port: int,
        timeout: float | None,
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.AsyncNetworkStream:
        unreachable: Exception = httpcore.ConnectError("The name has no address.")
        for address in addresses[:MAX_ADDRESSES]:
            try:
                stream = await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                unreachable = error
                continue
            return LargeReads(await _check_peer(stream, address))
        raise unreachable


class LargeReads(httpcore.AsyncNetworkStream):
    """A connection without TLS whose reads return all that has arrived. With TLS, a read returns one record anyway."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max(max_bytes, READ_BYTES), timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return await self._stream.start_tls(ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _check_addresses(addresses: Sequence[str], port: int) -> None:
    """Raises AddressRefused unless every address is public: one of two may be private."""
    if port not in PORTS or not all(is_public(address) for address in addresses):
        raise AddressRefused(REFUSED)


async def _check_peer(stream: httpcore.AsyncNetworkStream, address: str) -> httpcore.AsyncNetworkStream:
    peer = stream.get_extra_info("server_addr")
    if peer is None or ip_address(peer[0]) != ip_address(address):
        await stream.aclose()
        raise AddressRefused(REFUSED)
    return stream


def guarded_transport(guard: SsrfGuard, tls: ssl.SSLContext | None = None) -> httpx.AsyncHTTPTransport:
    """httpx offers no argument for the network backend, so its pool is replaced by one that has the guard in it.

    The transport uses no proxy from the environment and does not retry.
    """
    trusted = tls or httpx.create_ssl_context()
    transport = httpx.AsyncHTTPTransport(verify=trusted)
    assert isinstance(transport._pool, httpcore.AsyncConnectionPool)
    transport._pool = httpcore.AsyncConnectionPool(
        ssl_context=trusted,
        max_connections=MAX_CONNECTIONS,
        keepalive_expiry=KEEPALIVE_SECONDS,
        network_backend=guard,
    )
    return transport
