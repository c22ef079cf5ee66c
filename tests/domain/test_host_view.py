"""A process sees the disks of its host, and how long its certificates and tokens are good, by real certificates."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import jwt
import pytest
import trustme

from aijobs.hosts.host_view import HostView, end_of_certificates, end_of_served, end_of_token
from aijobs.settings import GivenSettings

END: Final = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
OVER: Final = datetime(2020, 1, 2, tzinfo=UTC)


def certificate(at: datetime) -> trustme.LeafCert:
    return trustme.CA().issue_cert("127.0.0.1", not_before=at - timedelta(days=90), not_after=at)


@asynccontextmanager
async def tls_server(shown: trustme.LeafCert) -> AsyncIterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    shown.configure_cert(context)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("end", [END, OVER])
async def test_the_end_of_a_servers_certificate_is_seen_also_when_it_is_over(end: datetime) -> None:
    async with tls_server(certificate(end)) as url:
        assert await asyncio.to_thread(end_of_served, url) == end


def test_the_first_end_of_a_file_counts() -> None:
    early, late = (certificate(at).cert_chain_pems[0].bytes() for at in (END, END + timedelta(days=1)))

    assert end_of_certificates(late + early) == END
    with pytest.raises(ValueError, match="PEM"):
        end_of_certificates(b"no certificate")


def test_a_token_says_its_end_if_it_is_one_that_does() -> None:
    assert end_of_token(jwt.encode({"exp": END.timestamp()}, "k" * 32)) == END
    for other in (jwt.encode({"sub": "x"}, "k" * 32), "r8_token", "", "a.b.c", jwt.encode({"exp": None}, "k" * 32)):
        assert end_of_token(other) is None


async def test_a_process_sees_all_of_it_together(tmp_path: Path) -> None:
    async with tls_server(certificate(END)) as url:
        settings = GivenSettings.model_validate(
            {"data_dir": tmp_path, "public_url": url, "chat": {"token": jwt.encode({"exp": END.timestamp()}, "k" * 32)}}
        )
        pem = certificate(OVER).cert_chain_pems[0].bytes()
        view = HostView(settings, lambda: {"TEMPORAL_TLS_CLIENT_CERT": pem, "BROKEN": b"?"}, public=True)
        facts = await view.facts(patience=timedelta(minutes=1))

    assert {(one.what, one.name, one.at) for one in facts.expiries} == {
        ("certificate", "TEMPORAL_TLS_CLIENT_CERT", OVER),
        ("certificate", url, END),
        ("token", "AIJOBS_CHAT__TOKEN", END),
    }
    assert [room.what for room in facts.rooms] == ["data", "temp"]
    assert all(0 < room.free <= room.total for room in facts.rooms)
    assert (await view.facts()).expiries == facts.expiries, "the server is gone, and was not asked again"


async def test_a_server_that_does_not_answer_holds_up_no_other_facts(tmp_path: Path) -> None:
    connected = asyncio.Queue[asyncio.StreamWriter]()
    server = await asyncio.start_server(lambda _reader, writer: connected.put_nowait(writer), "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        settings = GivenSettings.model_validate({"data_dir": tmp_path, "public_url": url})
        view = HostView(settings, dict[str, bytes], public=True)

        facts = await view.facts(patience=timedelta(0))
        silent = await connected.get()
        silent.close()
        later = await view.facts(patience=timedelta(minutes=1))

    assert [[room.what for room in seen.rooms] for seen in (facts, later)] == [["data", "temp"]] * 2
    assert facts.expiries == later.expiries == ()
    assert connected.empty(), "it was asked once"
