"""Downloads: what is accepted, what is refused, and what may be retried."""

import asyncio
import gzip
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from PIL import Image

from aijobs.adapters.download.downloader import SafeDownloader
from aijobs.adapters.download.settings import DownloadSettings
from aijobs.domain.errors import DownloadInterrupted, LinkExpired, OutputRefused
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from tests.adapters.storage.conftest import TRUSTING_NOBODY
from tests.adapters.storage.hostile_server import HostileServer

IMAGE = OutputKind.IMAGE
TEXT = OutputKind.TEXT

MIB = 1024 * 1024


def a_picture(width: int = 640, height: int = 480) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((width, height), 40).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
async def server() -> AsyncIterator[HostileServer]:
    async with HostileServer().running() as server:
        yield server


@asynccontextmanager
async def a_downloader(server: HostileServer, **settings: object) -> AsyncIterator[SafeDownloader]:
    allowed = {"allow_hosts": [f"127.0.0.1:{server.port}"]}
    checked = DownloadSettings.model_validate(allowed | settings)
    async with SafeDownloader(checked, tls=TRUSTING_NOBODY) as downloader:
        yield downloader


@pytest.fixture
async def downloader(server: HostileServer) -> AsyncIterator[SafeDownloader]:
    async with a_downloader(server) as opened:
        yield opened


async def fetched(downloader: SafeDownloader, url: str, expect: OutputKind = IMAGE) -> bytes:
    source = OutputSource(kind=expect, url=url)
    async with downloader.fetch(source, expect=expect, hosts=()) as download:
        return b"".join([chunk async for chunk in download.chunks])


async def test_a_picture_comes_through_with_what_is_known_of_it(
    server: HostileServer, downloader: SafeDownloader
) -> None:
    picture = a_picture()
    url = server.answers("/a", picture, headers=f"content-type: text/html\r\ncontent-length: {len(picture)}\r\n")

    async with downloader.fetch(OutputSource(kind=IMAGE, url=url), expect=IMAGE, hosts=()) as download:
        assert (download.media_type, download.extension, download.kind) == ("image/png", "png", IMAGE)
        assert download.total == len(picture)
        assert b"".join([chunk async for chunk in download.chunks]) == picture
        assert download.measure() == (640, 480)


async def test_a_chunked_answer_of_unknown_length_comes_through(
    server: HostileServer, downloader: SafeDownloader
) -> None:
    picture = a_picture()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(picture), picture)
    url = server.answers("/a", chunked, headers="transfer-encoding: chunked\r\n")

    assert await fetched(downloader, url) == picture


async def test_of_a_large_output_only_the_beginning_is_remembered(
    server: HostileServer, downloader: SafeDownloader
) -> None:
    picture = a_picture() + bytes(3 * MIB)
    url = server.answers("/a", picture)

    async with downloader.fetch(OutputSource(kind=IMAGE, url=url), expect=IMAGE, hosts=()) as download:
        assert sum([len(chunk) async for chunk in download.chunks]) == len(picture)
        assert bytes(download.head) == picture[: 256 * 1024]


async def test_a_download_may_be_left_early(server: HostileServer, downloader: SafeDownloader) -> None:
    url = server.answers("/a", a_picture() + bytes(8 * MIB))

    async with downloader.fetch(OutputSource(kind=IMAGE, url=url), expect=IMAGE, hosts=()) as download:
        await anext(aiter(download.chunks))


async def test_content_that_came_with_the_answer_passes_the_same_checks(downloader: SafeDownloader) -> None:
    words = OutputSource(kind=TEXT, content=b"Ein Leuchtturm bei Nacht.")
    async with downloader.fetch(words, expect=TEXT, hosts=()) as download:
        assert (download.media_type, download.total) == ("text/plain", 25)
        assert [chunk async for chunk in download.chunks] == [words.content]

    with pytest.raises(OutputRefused, match="an image, but it is text/plain"):
        async with downloader.fetch(words, expect=IMAGE, hosts=()):
            pass


async def test_a_page_where_a_picture_was_promised_is_refused(
    server: HostileServer, downloader: SafeDownloader
) -> None:
    url = server.answers("/a.png", b"<!DOCTYPE html><p>Please log in</p>", headers="content-type: image/png\r\n")

    with pytest.raises(OutputRefused, match="an image, but it is HTML"):
        await fetched(downloader, url)


async def test_an_empty_output_is_refused(server: HostileServer, downloader: SafeDownloader) -> None:
    with pytest.raises(OutputRefused, match="empty"):
        await fetched(downloader, server.answers("/a", headers="content-length: 0\r\n"))


async def test_a_length_beyond_the_limit_is_refused_before_anything_is_read(server: HostileServer) -> None:
    url = server.answers("/a", a_picture(), headers=f"content-length: {MIB + 1}\r\n", pause=30)

    async with a_downloader(server, max_bytes=MIB) as downloader:
        with pytest.raises(OutputRefused, match="more than 1048576 bytes"):
            await asyncio.wait_for(fetched(downloader, url), timeout=5)


async def test_a_body_without_end_is_cut_off_at_the_limit(server: HostileServer) -> None:
    async def never_ends(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + a_picture())
        while True:
            writer.write(bytes(64 * 1024))
            await writer.drain()

    url = server.behaves("/a", never_ends)

    async with a_downloader(server, max_bytes=4 * MIB) as downloader:
        with pytest.raises(OutputRefused, match="more than 4194304 bytes"):
            await asyncio.wait_for(fetched(downloader, url), timeout=5)


@pytest.mark.parametrize(
    "headers", ["content-length: 200000\r\n", "transfer-encoding: chunked\r\n"], ids=["length", "chunked"]
)
async def test_a_body_that_breaks_off_is_worth_another_try(
    server: HostileServer, downloader: SafeDownloader, headers: str
) -> None:
    body = a_picture(100, 100) if "length" in headers else b"30d40\r\n" + a_picture(100, 100)

    with pytest.raises(DownloadInterrupted):
        await fetched(downloader, server.answers("/a", body, headers=headers))


async def test_less_than_was_announced_is_worth_another_try(server: HostileServer, downloader: SafeDownloader) -> None:
    picture = a_picture()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(picture), picture)
    url = server.answers("/a", chunked, headers="transfer-encoding: chunked\r\ncontent-length: 9000000\r\n")

    with pytest.raises(DownloadInterrupted, match="of 9000000 bytes came"):
        await fetched(downloader, url)


async def test_a_body_that_stands_still_is_given_up(server: HostileServer) -> None:
    url = server.answers("/a", a_picture(), headers="content-length: 9000000\r\n", pause=30)

    async with a_downloader(server, idle_timeout="200ms") as downloader:
        with pytest.raises(DownloadInterrupted, match=r"Nothing came for 0\.2 s"):
            await fetched(downloader, url)


async def test_a_server_that_does_not_answer_is_given_up(server: HostileServer) -> None:
    async def says_nothing(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with a_downloader(server, idle_timeout="200ms") as downloader:
        with pytest.raises(DownloadInterrupted, match="does not answer"):
            await fetched(downloader, server.behaves("/a", says_nothing))


async def test_a_body_that_drips_for_ever_meets_the_deadline(server: HostileServer) -> None:
    url = server.answers("/a", a_picture(), *[b"."] * 1000, pause=0.05)

    async with a_downloader(server, total_deadline="500ms") as downloader:
        with pytest.raises(DownloadInterrupted, match=r"longer than 0\.5 s"):
            await fetched(downloader, url)


async def test_a_body_that_only_drips_is_too_slow(server: HostileServer) -> None:
    url = server.answers("/a", b"\x89PNG\r\n\x1a\n", *[b"."] * 1000, pause=0.02)

    async with a_downloader(server, min_speed=100_000, min_speed_after="200ms") as downloader:
        with pytest.raises(DownloadInterrupted, match="Less than 100000 bytes a second"):
            await fetched(downloader, url)


async def test_a_slow_store_is_not_the_fault_of_the_source(server: HostileServer) -> None:
    url = server.answers("/a", a_picture(), *[bytes(100_000)] * 10)

    source = OutputSource(kind=IMAGE, url=url)
    async with (
        a_downloader(server, min_speed=100 * MIB, min_speed_after="200ms") as downloader,
        downloader.fetch(source, expect=IMAGE, hosts=()) as download,
    ):
        async for _ in download.chunks:
            await asyncio.sleep(0.02)


async def test_a_compressed_bomb_is_not_inflated(server: HostileServer, downloader: SafeDownloader) -> None:
    bomb = gzip.compress(bytes(16 * MIB))
    url = server.answers("/a", bomb, headers=f"content-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n")

    with pytest.raises(OutputRefused, match="compressed"):
        await fetched(downloader, url)

    assert server.received[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", ["400 No", "401 Unauthorized", "403 Forbidden", "404 Not Found", "410 Gone"])
async def test_an_expired_link_says_so(server: HostileServer, downloader: SafeDownloader, status: str) -> None:
    with pytest.raises(LinkExpired):
        await fetched(downloader, server.answers("/a", status=status))


@pytest.mark.parametrize("status", ["402 Payment Required", "451 Unavailable", "304 Not Modified"])
async def test_other_answers_are_final(server: HostileServer, downloader: SafeDownloader, status: str) -> None:
    with pytest.raises(OutputRefused):
        await fetched(downloader, server.answers("/a", status=status))


@pytest.mark.parametrize("status", ["202 Accepted", "429 Too Many", "500 Oops", "503 Unavailable"])
async def test_passing_troubles_are_worth_another_try(
    server: HostileServer, downloader: SafeDownloader, status: str
) -> None:
    with pytest.raises(DownloadInterrupted) as interrupted:
        await fetched(downloader, server.answers("/a", status=status, headers="retry-after: 7\r\n"))

    assert interrupted.value.retry_after == timedelta(seconds=7)


async def test_a_server_that_is_gone_is_worth_another_try(server: HostileServer, downloader: SafeDownloader) -> None:
    async def hangs_up(_: asyncio.StreamWriter) -> None:
        return

    with pytest.raises(DownloadInterrupted):
        await fetched(downloader, server.behaves("/a", hangs_up))


async def test_no_message_gives_away_what_a_link_carries(server: HostileServer, downloader: SafeDownloader) -> None:
    for path, status in (("/a", "404 No"), ("/b", "500 No"), ("/c", "400 No"), ("/d", "302 Found")):
        url = server.answers(path, status=status, headers="location: http://elsewhere.example/x?token=s3cret\r\n")
        with pytest.raises((LinkExpired, DownloadInterrupted, OutputRefused)) as failed:
            await fetched(downloader, f"{url}?token=s3cret#s3cret")
        assert "s3cret" not in str(failed.value)
