"""Downloads: from which hosts, with which headers, and never from private addresses."""

import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trustme

from aijobs.adapters.download.downloader import SafeDownloader
from aijobs.adapters.download.redirects import REFUSED
from aijobs.adapters.download.settings import DownloadSettings
from aijobs.adapters.network.host_patterns import HostPort
from aijobs.domain.errors import DownloadInterrupted, OutputRefused
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from tests.adapters.storage.conftest import TRUSTING_NOBODY
from tests.adapters.storage.hostile_server import HostileServer

TEXT = OutputKind.TEXT

#: everything that leads to this machine, its neighbours, or the metadata of a cloud
INSIDE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0", "0.0.0.0",
    "localhost", "127.255.255.254",
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "100.100.100.200", "169.254.169.254", "2852039166",
    "192.0.0.192", "168.63.129.16", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]",
    "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]", "[fec0::1]",
    "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[100::1]",
]  # fmt: skip

#: spellings that some programs take for 127.0.0.1, and that are no link at all for us
MISSPELT = ["0177.0.0.1", "①②⑦.⓪.⓪.①", "127.0.0.1%00.example.com", "127.0.0.1\\@cdn.provider.example"]


@dataclass
class RecordingResolver:
    """A resolver with fixed answers that records the requested names."""

    addresses: dict[str, list[str]]
    requested: list[str] = field(default_factory=list)

    async def __call__(self, host: str, _: int) -> Sequence[str]:
        self.requested.append(host)
        return self.addresses.get(host, [host])


@pytest.fixture
async def server() -> AsyncIterator[HostileServer]:
    async with HostileServer().running() as server:
        yield server


@pytest.fixture
def resolver() -> RecordingResolver:
    hosts = ("cdn.provider.example", "other.provider.example", "provider.example", "elsewhere.example")
    return RecordingResolver({host: ["127.0.0.1"] for host in hosts})


@asynccontextmanager
async def a_downloader(*allow_hosts: str, resolver: RecordingResolver) -> AsyncIterator[SafeDownloader]:
    settings = DownloadSettings(allow_hosts=allow_hosts)
    async with SafeDownloader(settings, resolver=resolver, tls=TRUSTING_NOBODY) as downloader:
        yield downloader


def at(server: HostileServer, *hosts: str) -> tuple[str, ...]:
    """These hosts with the server's port: without one, only the ports of http and https would be meant."""
    return tuple(f"{host}:{server.port}" for host in hosts)


async def fetched(
    downloader: SafeDownloader, url: str, *, hosts: tuple[str, ...] = (), headers: dict[str, str] | None = None
) -> bytes:
    source = OutputSource(kind=TEXT, url=url, headers=headers or {})
    async with downloader.fetch(source, expect=TEXT, hosts=hosts) as download:
        return b"".join([chunk async for chunk in download.chunks])


@pytest.mark.parametrize("host", INSIDE)
async def test_no_spelling_of_an_inner_address_is_reached(host: str) -> None:
    async with SafeDownloader(DownloadSettings(), tls=TRUSTING_NOBODY) as downloader:
        with pytest.raises(OutputRefused, match=re.escape(REFUSED)):
            await fetched(downloader, f"https://{host}/latest/meta-data", hosts=(host,))


@pytest.mark.parametrize("host", MISSPELT)
async def test_what_is_no_link_is_refused(resolver: RecordingResolver, host: str) -> None:
    async with a_downloader(resolver=resolver) as downloader:
        with pytest.raises(OutputRefused):
            await fetched(downloader, f"https://{host}/latest/meta-data", hosts=("cdn.provider.example", "127.0.0.1"))

    assert resolver.requested == []


async def test_half_of_a_utf_16_pair_makes_no_link(resolver: RecordingResolver) -> None:
    async with a_downloader(resolver=resolver) as downloader:
        with pytest.raises(OutputRefused, match="link is none"):
            await fetched(downloader, "https://cdn.provider.example/\ud83d", hosts=("cdn.provider.example",))


@pytest.mark.parametrize("host", INSIDE)
async def test_no_redirect_leads_inside(server: HostileServer, host: str) -> None:
    url = server.answers("/a", status="302 Found", headers=f"location: https://{host}/latest/meta-data\r\n")
    settings = DownloadSettings(allow_hosts=(f"127.0.0.1:{server.port}",))

    async with SafeDownloader(settings, tls=TRUSTING_NOBODY) as downloader:
        with pytest.raises(OutputRefused, match=re.escape(REFUSED)):
            await fetched(downloader, url, hosts=(host,))

    assert len(server.received) == 1


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://cdn.provider.example/", "//elsewhere.example/", "http://cdn.provider.example/",
     "https://user:word@cdn.provider.example/", "https://elsewhere.example/", "https://[::1", "gopher:x", ""],
)  # fmt: skip
async def test_no_redirect_leads_astray(server: HostileServer, resolver: RecordingResolver, location: str) -> None:
    url = server.answers("/a", status="302 Found", headers=f"location: {location}\r\n")

    async with a_downloader(f"127.0.0.1:{server.port}", resolver=resolver) as downloader:
        with pytest.raises(OutputRefused):
            await fetched(downloader, url, hosts=("cdn.provider.example",))

    assert set(resolver.requested) <= {"127.0.0.1"}


async def test_redirects_among_allowed_hosts_are_followed(server: HostileServer, resolver: RecordingResolver) -> None:
    server.answers("/end", b"the output")
    for number in range(5):
        onwards = f"/{number - 1}" if number else server.url("/end", "other.provider.example")
        server.answers(f"/{number}", status="307 Temporary Redirect", headers=f"location: {onwards}\r\n")

    async with a_downloader(
        *at(server, "cdn.provider.example", "other.provider.example"), resolver=resolver
    ) as downloader:
        assert await fetched(downloader, server.url("/4", "cdn.provider.example")) == b"the output"


async def test_redirects_without_end_are_refused(server: HostileServer, resolver: RecordingResolver) -> None:
    server.answers("/a", status="302 Found", headers="location: /a\r\n")

    async with a_downloader(*at(server, "cdn.provider.example"), resolver=resolver) as downloader:
        with pytest.raises(OutputRefused, match="more than 5 times"):
            await fetched(downloader, server.url("/a", "cdn.provider.example"))


async def test_the_key_for_one_host_is_not_shown_to_another(server: HostileServer, resolver: RecordingResolver) -> None:
    server.answers("/a", status="302 Found", headers="location: /b\r\n")
    elsewhere = server.url("/c", "other.provider.example")
    server.answers("/b", status="302 Found", headers=f"location: {elsewhere}\r\nset-cookie: who=me\r\n")
    back = server.url("/d", "cdn.provider.example")
    server.answers("/c", status="302 Found", headers=f"location: {back}\r\n")
    server.answers("/d", b"the output")

    async with a_downloader(
        *at(server, "cdn.provider.example", "other.provider.example"), resolver=resolver
    ) as downloader:
        url = server.url("/a", "cdn.provider.example")
        await fetched(downloader, url, headers={"Authorization": "Bearer s3cret", "X-Key": "s3cret"})

    shown = [(request.target, "s3cret" in str(request.headers)) for request in server.received]
    assert shown == [("/a", True), ("/b", True), ("/c", False), ("/d", False)]
    assert not any("cookie" in request.headers for request in server.received)


async def test_a_foreign_host_is_not_even_asked_for(resolver: RecordingResolver) -> None:
    async with a_downloader(resolver=resolver) as downloader:
        for url in ("https://elsewhere.example/a", "https://cdn.provider.example.elsewhere.example/a"):
            with pytest.raises(OutputRefused, match="do not come from"):
                await fetched(downloader, url, hosts=("cdn.provider.example",))

    assert resolver.requested == []


async def test_a_provider_name_that_points_inside_is_refused(resolver: RecordingResolver) -> None:
    async with a_downloader(resolver=resolver) as downloader:
        for host in ("cdn.provider.example", "provider.example", "CDN.Provider.Example."):
            with pytest.raises(OutputRefused, match=re.escape(REFUSED)):
                await fetched(downloader, f"https://{host}/a", hosts=("*.provider.example",))


async def test_a_provider_on_another_port_is_refused(resolver: RecordingResolver) -> None:
    resolver.addresses["cdn.provider.example"] = ["93.184.215.14"]
    async with a_downloader(resolver=resolver) as downloader:
        with pytest.raises(OutputRefused, match=re.escape(REFUSED)):
            await fetched(downloader, "https://cdn.provider.example:22/a", hosts=("cdn.provider.example",))


async def test_plain_http_is_only_for_hosts_that_the_operator_allows(
    server: HostileServer, resolver: RecordingResolver
) -> None:
    async with a_downloader(resolver=resolver) as downloader:
        with pytest.raises(OutputRefused, match="not https"):
            await fetched(downloader, "http://cdn.provider.example/a?token=1", hosts=("cdn.provider.example",))


async def test_an_allowed_port_opens_no_other(server: HostileServer, resolver: RecordingResolver) -> None:
    url = server.answers("/a", b"the output")

    async with a_downloader(f"127.0.0.1:{server.port + 1}", resolver=resolver) as downloader:
        with pytest.raises(OutputRefused):
            await fetched(downloader, url)

    assert server.received == []


async def test_a_host_that_is_allowed_without_a_port_opens_only_the_usual_ones(
    server: HostileServer, resolver: RecordingResolver
) -> None:
    url = server.answers("/a", b"the output")

    async with a_downloader("127.0.0.1", resolver=resolver) as downloader:
        with pytest.raises(OutputRefused):
            await fetched(downloader, url)

    assert server.received == []


@pytest.mark.parametrize(("port", "covered"), [(80, True), (443, True), (8080, False), (22, False), (5432, False)])
def test_without_a_port_the_ports_of_http_and_https_are_meant(port: int, *, covered: bool) -> None:
    assert HostPort.parse("store.internal").covers("store.internal", port) is covered


async def test_a_link_with_a_user_name_is_refused(server: HostileServer, resolver: RecordingResolver) -> None:
    async with a_downloader(*at(server, "127.0.0.1"), resolver=resolver) as downloader:
        with pytest.raises(OutputRefused, match="user name"):
            await fetched(downloader, f"http://user:s3cret@127.0.0.1:{server.port}/a")


async def test_a_name_without_an_address_is_worth_another_try() -> None:
    async def knows_nothing(host: str, port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    async with SafeDownloader(DownloadSettings(), resolver=knows_nothing) as downloader:
        with pytest.raises(DownloadInterrupted):
            await fetched(downloader, "https://cdn.provider.example/a", hosts=("cdn.provider.example",))


async def test_certificates_are_those_of_the_name(resolver: RecordingResolver) -> None:
    authority = trustme.CA()
    served, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("cdn.provider.example").configure_cert(served)
    authority.configure_trust(trusting)

    async with HostileServer().running(tls=served) as server:
        server.answers("/a", b"the output")
        settings = DownloadSettings(allow_hosts=at(server, "cdn.provider.example", "other.provider.example"))
        async with SafeDownloader(settings, resolver=resolver, tls=trusting) as downloader:
            url = f"https://cdn.provider.example:{server.port}/a"
            assert await fetched(downloader, url) == b"the output"
            with pytest.raises(DownloadInterrupted):
                await fetched(downloader, url.replace("cdn", "other"))
