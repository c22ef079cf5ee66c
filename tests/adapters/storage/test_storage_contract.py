"""The contract of object stores (aijobs/domain/ports/), tested on every store."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import pytest

from aijobs.adapters.storage.multipart import PART_BYTES
from aijobs.domain.errors import BadInput, DownloadInterrupted, NotFound
from aijobs.domain.ports.object_store import ObjectStore
from tests.adapters.storage.conftest import StoreUnderTest, chunks_of, content_of

MIB = 1024 * 1024
AN_HOUR = timedelta(hours=1)
A_PICTURE = b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(100_000)


async def test_what_was_put_is_read(store: ObjectStore, key: str) -> None:
    stored = await store.put(key, chunks_of(A_PICTURE), media_type="image/png")

    assert (stored.key, stored.size) == (key, len(A_PICTURE))
    assert stored.sha256 == hashlib.sha256(A_PICTURE).hexdigest()
    assert await content_of(store, key) == A_PICTURE


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 17])
async def test_every_size_survives(store: ObjectStore, key: str, size: int) -> None:
    content = random.Random(size).randbytes(size)

    stored = await store.put(key, chunks_of(content, size=1_000_003), media_type="video/mp4")

    assert stored.size == size
    assert await content_of(store, key) == content


async def test_many_parts_arrive_in_order(shelf: StoreUnderTest, key: str) -> None:
    content = random.Random(7).randbytes(41 * MIB)

    stored = await shelf.store.put(key, chunks_of(content, size=MIB // 3), media_type="video/mp4")

    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert await content_of(shelf.store, key) == content
    assert shelf.leftovers() == []


async def test_another_put_replaces_what_was_there(store: ObjectStore, key: str) -> None:
    await store.put(key, chunks_of(A_PICTURE), media_type="image/png")

    await store.put(key, chunks_of(b"something shorter"), media_type="text/plain")

    assert await content_of(store, key) == b"something shorter"


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (5, 6), (99_000, None), (10, 200_000), (PART_BYTES, None)])
async def test_a_part_can_be_read(store: ObjectStore, key: str, start: int, stop: int | None) -> None:
    content = random.Random(3).randbytes(PART_BYTES + 1000)
    await store.put(key, chunks_of(content), media_type="video/mp4")

    part = b"".join([chunk async for chunk in store.read(key, start=start, stop=stop)])

    assert part == content[start:stop]


async def test_what_is_not_there_cannot_be_read(store: ObjectStore, key: str) -> None:
    with pytest.raises(NotFound):
        await content_of(store, key)


async def test_what_was_deleted_is_gone(store: ObjectStore, key: str) -> None:
    await store.put(key, chunks_of(A_PICTURE), media_type="image/png")

    await store.delete(key)

    with pytest.raises(NotFound):
        await content_of(store, key)


async def test_deleting_what_is_not_there_is_no_error(store: ObjectStore, key: str) -> None:
    await store.delete(key)
    await store.delete(key)


@pytest.mark.parametrize("sent_before", [10, PART_BYTES + 10, 4 * PART_BYTES])
async def test_a_source_that_fails_leaves_nothing(shelf: StoreUnderTest, key: str, sent_before: int) -> None:
    async def breaks_off() -> AsyncIterator[bytes]:
        for _ in range(0, sent_before, MIB):
            yield bytes(min(MIB, sent_before))
        raise DownloadInterrupted("The connection broke.")

    with pytest.raises(DownloadInterrupted):
        await shelf.store.put(key, breaks_off(), media_type="video/mp4")

    with pytest.raises(NotFound):
        await content_of(shelf.store, key)
    assert shelf.leftovers() == []


async def test_a_source_that_fails_leaves_the_former_object_as_it_was(store: ObjectStore, key: str) -> None:
    async def breaks_off() -> AsyncIterator[bytes]:
        yield bytes(PART_BYTES)
        raise DownloadInterrupted("The connection broke.")

    await store.put(key, chunks_of(A_PICTURE), media_type="image/png")

    with pytest.raises(DownloadInterrupted):
        await store.put(key, breaks_off(), media_type="video/mp4")

    assert await content_of(store, key) == A_PICTURE


@pytest.mark.parametrize("parts_before", [0, 1, 2, 4])
async def test_a_canceled_put_leaves_nothing(shelf: StoreUnderTest, key: str, parts_before: int) -> None:
    hanging = asyncio.Event()

    async def hangs() -> AsyncIterator[bytes]:
        for _ in range(parts_before):
            yield bytes(PART_BYTES)
        hanging.set()
        await asyncio.sleep(60)
        yield b"never"

    putting = asyncio.create_task(shelf.store.put(key, hangs(), media_type="video/mp4"))
    await hanging.wait()
    putting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await putting
    with pytest.raises(NotFound):
        await content_of(shelf.store, key)
    assert shelf.leftovers() == []


async def test_a_put_canceled_at_any_moment_leaves_all_or_nothing(shelf: StoreUnderTest, key: str) -> None:
    content = bytes(2 * PART_BYTES + 5)
    for delay in (0, 0.005, 0.02, 0.05, 0.1):
        putting = asyncio.create_task(shelf.store.put(key, chunks_of(content), media_type="video/mp4"))
        await asyncio.sleep(delay)
        putting.cancel()
        await asyncio.wait([putting])

    assert shelf.leftovers() == []
    with suppress(NotFound):
        assert await content_of(shelf.store, key) == content


async def test_a_link_serves_the_object_under_its_name(shelf: StoreUnderTest, key: str) -> None:
    await shelf.store.put(key, chunks_of(A_PICTURE), media_type="image/png")

    link = await shelf.store.link(key, lifetime=AN_HOUR, filename="Leuchtturm im Süden.png", media_type="image/png")
    answer = await shelf.get(link)

    assert answer.status_code == 200
    assert answer.content == A_PICTURE
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == (
        "inline; filename=\"Leuchtturm im S_den.png\"; filename*=UTF-8''Leuchtturm%20im%20S%C3%BCden.png"
    )


async def test_a_document_is_offered_for_saving(shelf: StoreUnderTest, key: str) -> None:
    await shelf.store.put(key, chunks_of(b"<script>alert(1)</script>"), media_type="text/html")

    link = await shelf.store.link(key, lifetime=AN_HOUR, filename="page.html", media_type="text/html")
    answer = await shelf.get(link)

    assert answer.headers["content-disposition"].startswith("attachment;")


async def test_a_link_expires(
    shelf_on_disk: StoreUnderTest, shelf_over_http: StoreUnderTest, shelf_over_https: StoreUnderTest, key: str
) -> None:
    shelves = [shelf_on_disk, shelf_over_http, shelf_over_https]
    links = []
    for shelf in shelves:
        await shelf.store.put(key, chunks_of(A_PICTURE), media_type="image/png")
        a_second = timedelta(seconds=1)
        links.append(await shelf.store.link(key, lifetime=a_second, filename="a.png", media_type="image/png"))

    await asyncio.sleep(2.1)

    answers = [await shelf.get(link) for shelf, link in zip(shelves, links, strict=True)]
    assert [answer.status_code for answer in answers] == [403, 403, 403]


@pytest.mark.parametrize(
    ("honest", "forged"), [("outputs", "outputz"), ("image%2Fpng", "text%2Fhtml"), ("ignature=", "ignature=f")]
)
async def test_a_forged_link_serves_nothing(shelf: StoreUnderTest, key: str, honest: str, forged: str) -> None:
    await shelf.store.put(key, chunks_of(A_PICTURE), media_type="image/png")
    link = await shelf.store.link(key, lifetime=AN_HOUR, filename="a.png", media_type="image/png")
    assert honest in link

    answer = await shelf.get(link.replace(honest, forged))

    assert answer.status_code == 403
    assert A_PICTURE[:1000] not in answer.content


@pytest.mark.parametrize("bad", ["", "/etc/passwd", "a/../b", "a//b", "..", ".drafts/x", "a\\b", "a\0b", "ä", "a/"])
async def test_what_is_no_key_is_refused(store: ObjectStore, bad: str) -> None:
    with pytest.raises(BadInput):
        await store.put(bad, chunks_of(b"x"), media_type="text/plain")
    with pytest.raises(BadInput):
        await content_of(store, bad)
    with pytest.raises(BadInput):
        await store.delete(bad)


async def test_a_probe_of_a_working_store_says_nothing_and_leaves_nothing(shelf: StoreUnderTest) -> None:
    await shelf.store.probe()

    assert shelf.leftovers() == []


async def test_eight_puts_at_once_do_not_disturb_each_other(store: ObjectStore, key: str) -> None:
    contents = {f"{key}.{number}": random.Random(number).randbytes(MIB) for number in range(8)}

    await asyncio.gather(*(store.put(name, chunks_of(content), media_type="x/y") for name, content in contents.items()))

    assert {name: await content_of(store, name) for name in contents} == contents
