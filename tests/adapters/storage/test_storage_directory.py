"""Tests of the directory store only: files, folders, and leftovers of killed processes."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from aijobs.adapters.storage.directory import DirectoryStore
from aijobs.adapters.storage.open_store import opened_store
from aijobs.adapters.storage.settings import StoreSettings
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.domain.errors import NotFound, StoreUnavailable
from tests.adapters.storage.conftest import chunks_of, content_of

SIGNER = LinkSigner(b"a secret only for these tests", "https://jobs.example")


@pytest.fixture
async def directory(tmp_path: Path) -> AsyncIterator[DirectoryStore]:
    async with DirectoryStore.opened(tmp_path / "store", SIGNER) as opened:
        yield opened


async def test_without_a_url_the_store_is_in_the_data_folder(tmp_path: Path) -> None:
    async with opened_store(StoreSettings(), data_dir=tmp_path, signer=SIGNER) as store:
        await store.put("a/b.txt", chunks_of(b"hello"), media_type="text/plain")

    assert (tmp_path / "store/a/b.txt").read_bytes() == b"hello"


async def test_a_file_url_names_the_directory(tmp_path: Path) -> None:
    settings = StoreSettings(url=f"file://{tmp_path}/my%20objects")

    async with opened_store(settings, data_dir=tmp_path / "data", signer=SIGNER) as store:
        await store.put("a.txt", chunks_of(b"hello"), media_type="text/plain")

    assert (tmp_path / "my objects/a.txt").read_bytes() == b"hello"


async def test_only_the_owner_may_read_the_files(tmp_path: Path, directory: DirectoryStore) -> None:
    await directory.put("a/b.txt", chunks_of(b"hello"), media_type="text/plain")

    assert (tmp_path / "store/a/b.txt").stat().st_mode & 0o077 == 0


async def test_an_object_appears_only_when_it_is_whole(tmp_path: Path, directory: DirectoryStore) -> None:
    async def looks_meanwhile() -> AsyncIterator[bytes]:
        yield bytes(3_000_000)
        assert not (tmp_path / "store/a/b.bin").exists()

    await directory.put("a/b.bin", looks_meanwhile(), media_type="video/mp4")

    assert (tmp_path / "store/a/b.bin").stat().st_size == 3_000_000


async def test_deleting_the_last_object_of_a_folder_removes_the_folder(
    tmp_path: Path, directory: DirectoryStore
) -> None:
    for key in ("a/b/c/1.txt", "a/b/c/2.txt", "a/3.txt"):
        await directory.put(key, chunks_of(b"hello"), media_type="text/plain")

    await directory.delete("a/b/c/1.txt")
    assert (tmp_path / "store/a/b/c").is_dir()

    await directory.delete("a/b/c/2.txt")
    assert not (tmp_path / "store/a/b").exists()

    await directory.delete("a/3.txt")
    assert [path.name for path in (tmp_path / "store").iterdir()] == [".drafts"]


async def test_puts_and_deletes_in_one_folder_do_not_trip_each_other(directory: DirectoryStore) -> None:
    async def comes_and_goes(name: str) -> None:
        for _ in range(30):
            await directory.put(f"a/b/{name}", chunks_of(b"hello"), media_type="text/plain")
            assert await content_of(directory, f"a/b/{name}") == b"hello"
            await directory.delete(f"a/b/{name}")

    await asyncio.gather(*(comes_and_goes(f"{number}.txt") for number in range(4)))


async def test_opening_clears_away_what_a_killed_process_left(tmp_path: Path) -> None:
    drafts = tmp_path / "store/.drafts"
    drafts.mkdir(parents=True)
    for name, age in (("of a dead process", timedelta(days=2)), ("of a living one", timedelta(minutes=2))):
        (drafts / name).write_bytes(b"half")
        modified_at = (drafts / name).stat().st_mtime - age.total_seconds()
        os.utime(drafts / name, (modified_at, modified_at))

    async with DirectoryStore.opened(tmp_path / "store", SIGNER) as store:
        assert [path.name for path in drafts.iterdir()] == ["of a living one"]

        assert await store.tidy(older_than=timedelta(minutes=5)) == 0
        assert await store.tidy(older_than=timedelta(minutes=1)) == 1
        assert list(drafts.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="a file that cannot be read is taken from /proc")
async def test_a_file_that_breaks_while_it_is_read_is_named_as_the_reason(
    tmp_path: Path, directory: DirectoryStore
) -> None:
    (tmp_path / "store/broken").symlink_to("/proc/self/mem")

    with pytest.raises(StoreUnavailable, match="Input/output error"):
        await content_of(directory, "broken")


async def test_a_folder_is_no_object(directory: DirectoryStore) -> None:
    await directory.put("a/b.txt", chunks_of(b"hello"), media_type="text/plain")

    for key in ("a", "a/b.txt/c"):
        with pytest.raises(NotFound):
            await content_of(directory, key)


async def test_a_reader_may_stop_early(directory: DirectoryStore) -> None:
    await directory.put("a.bin", chunks_of(bytes(2_000_000)), media_type="video/mp4")

    reading = directory.read("a.bin")
    first = await anext(aiter(reading))

    assert 0 < len(first) < 2_000_000


async def test_a_directory_that_cannot_be_made_is_named_as_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(StoreUnavailable, match="Not a directory"):
        async with DirectoryStore.opened(tmp_path / "file/store", SIGNER):
            pass


async def test_a_probe_says_why_nothing_can_be_written(tmp_path: Path, directory: DirectoryStore) -> None:
    (tmp_path / "store/.drafts").rmdir()

    with pytest.raises(StoreUnavailable, match="No such file or directory"):
        await directory.probe()
