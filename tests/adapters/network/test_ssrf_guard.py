"""The SSRF guard: every address is checked, and only checked addresses are connected to."""

import asyncio
import threading
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aijobs.adapters.network.host_patterns import HostPort
from aijobs.adapters.network.public_addresses import DENIED_V4, DENIED_V6, is_public
from aijobs.adapters.network.ssrf_guard import SsrfGuard, guarded_transport, system_resolver
from aijobs.domain.errors import AddressRefused

PUBLIC = "93.184.215.14"
MOST_THREADS = 32  #: of an event loop, by Python's documentation

any_v4 = st.ip_addresses(v=4)
any_v6 = st.ip_addresses(v=6)


class FakeStream(httpcore.AsyncNetworkStream):
    """A connection that reports `peer` as its remote address."""

    def __init__(self, peer: str) -> None:
        self._peer = peer
        self.closed = False

    async def aclose(self) -> None:
        self.closed = True

    def get_extra_info(self, info: str) -> object:
        return (self._peer, 443) if info == "server_addr" else None


class RecordingBackend(httpcore.AsyncNetworkBackend):
    """Records the addresses without connecting. `peer` overrides the remote address of the streams."""

    def __init__(self, peer: str | None = None) -> None:
        self._peer = peer
        self.connected: list[str] = []
        self.streams: list[FakeStream] = []

    async def connect_tcp(self, host: str, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        self.connected.append(host)
        self.streams.append(FakeStream(self._peer or host))
        return self.streams[-1]


async def test_a_name_is_resolved_once_and_the_judged_address_is_dialled() -> None:
    backend = RecordingBackend()
    answers = iter([[PUBLIC], ["127.0.0.1"]])

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return next(answers)

    guard = SsrfGuard([], rebinding, backend)
    await guard.connect_tcp("cdn.example", 443)
    with pytest.raises(AddressRefused):
        await guard.connect_tcp("cdn.example", 443)

    assert backend.connected == [PUBLIC]


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    backend = RecordingBackend()

    async def mixed(host: str, port: int) -> Sequence[str]:
        return [PUBLIC, "10.0.0.1"]

    with pytest.raises(AddressRefused):
        await SsrfGuard([], mixed, backend).connect_tcp("cdn.example", 443)

    assert backend.connected == []


async def test_whoever_answers_must_be_who_was_dialled() -> None:
    backend = RecordingBackend(peer="10.0.0.1")

    async def honest(host: str, port: int) -> Sequence[str]:
        return [PUBLIC]

    with pytest.raises(AddressRefused):
        await SsrfGuard([], honest, backend).connect_tcp("cdn.example", 443)

    assert backend.streams[0].closed


async def test_an_allowed_host_may_be_private_but_its_neighbour_may_not() -> None:
    backend = RecordingBackend()

    async def inside(host: str, port: int) -> Sequence[str]:
        return ["10.0.0.1"]

    guard = SsrfGuard([HostPort.parse("store.internal:9000")], inside, backend)
    await guard.connect_tcp("store.internal", 9000)
    for host, port in (("store.internal", 443), ("other.internal", 9000)):
        with pytest.raises(AddressRefused):
            await guard.connect_tcp(host, port)

    assert backend.connected == ["10.0.0.1"]


async def test_there_is_no_way_around_by_a_unix_socket() -> None:
    with pytest.raises(AddressRefused):
        await SsrfGuard([], system_resolver).connect_unix_socket("/run/docker.sock")


async def test_every_connection_of_the_client_goes_through_the_guard() -> None:
    guard = SsrfGuard([], system_resolver)

    async with guarded_transport(guard) as transport:
        assert transport._pool._network_backend is guard


@given(st.sampled_from(DENIED_V4 + DENIED_V6).flatmap(lambda network: st.ip_addresses(network=network)))
def test_no_address_of_a_denied_network_is_public(address: IPv4Address | IPv6Address) -> None:
    assert not is_public(str(address))


@given(any_v4 | any_v6)
def test_what_is_public_here_is_public_for_python_as_well(address: IPv4Address | IPv6Address) -> None:
    if is_public(str(address)):
        assert address.is_global
        assert not any((address.is_private, address.is_loopback, address.is_link_local, address.is_multicast))
        assert not any((address.is_reserved, address.is_unspecified))


@given(any_v4)
def test_no_ipv6_address_smuggles_an_ipv4_one(inner: IPv4Address) -> None:
    number = int(inner)
    for low in ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "fe80::5efe:0:0"):
        assert not is_public(str(IPv6Address(int(IPv6Address(low)) | number)))
    assert not is_public(str(IPv6Address(int(IPv6Address("2002::")) | number << 80)))
    assert not is_public(str(IPv6Address(int(IPv6Address("2001::")) | number << 64)))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", PUBLIC, "2606:4700:4700::1111", "2a00:1450:4001:82a::200e"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "written", ["", "example.com", "127.1", "0x7f.1", "fe80::1%eth0", "2606:4700::1%1", "1.2.3.4 "]
)
def test_what_is_no_plain_address_is_not_public(written: str) -> None:
    assert not is_public(written)


async def test_names_are_looked_up_while_all_other_threads_are_busy() -> None:
    done = threading.Event()
    busy = [asyncio.create_task(asyncio.to_thread(done.wait)) for _ in range(MOST_THREADS)]
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(20):
            assert await system_resolver("127.0.0.1", 443) == ["127.0.0.1"]
    finally:
        done.set()
        await asyncio.gather(*busy)
