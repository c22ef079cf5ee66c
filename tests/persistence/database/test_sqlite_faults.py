"""What happens to calls when SQLite's file is locked, read-only, full, or is not what it was: nothing is half done."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Final

import pytest
from sqlmodel import Session

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database import Database, opened_database
from tests.persistence.database.calls import add, count, keys

PAGES_MORE: Final = 20
LONG: Final = "x" * 4000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "aijobs.db"


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Database]:
    async with opened_database(f"sqlite:///{path}") as database:
        yield database


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """By another process, as it looks from here."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_a_call_waits_for_another_process_that_writes(path: Path) -> None:
    async with opened(path) as database:
        with locked(path):
            writing = asyncio.create_task(database.write(add, "one"))
            await asyncio.sleep(0.5)
            assert not writing.done()
            assert await database.read(count) == 0
        await writing

        assert await database.read(keys) == {"one"}


async def test_one_that_waits_for_too_long_is_told_so(path: Path) -> None:
    async with opened(path):
        pass
    async with opened_database(f"sqlite:///{path}?timeout=0.2") as database:
        with locked(path), pytest.raises(DatabaseUnavailable, match="another process holds it"):
            await database.write(add, "one")

        await database.write(add, "two")
        assert await database.read(keys) == {"two"}


async def test_a_file_that_may_not_be_written_is_named(path: Path) -> None:
    async with opened(path) as database:
        await database.write(add, "before")

    with read_only(path), pytest.raises(DatabaseUnavailable, match=r"read-only|may not be"):
        async with opened(path) as database:
            await database.write(add, "during")

    async with opened(path) as database:
        assert await database.read(keys) == {"before"}
        await database.write(add, "after")


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """Not even root writes to a file that is immutable; elsewhere its mode is enough."""
    if os.geteuid() != 0:
        path.chmod(0o400)
        yield
        path.chmod(0o600)
        return
    if os.system(f"chattr +i {path} 2>/dev/null") != 0:
        pytest.skip("Root writes to every file of this file system.")
    yield
    os.system(f"chattr -i {path}")


async def test_what_does_not_fit_on_the_disk_is_refused_as_a_whole(path: Path) -> None:
    def large(session: Session) -> None:
        connection = session.connection()
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + PAGES_MORE}")
        try:
            for number in range(1000):
                add(session, f"{number}{LONG}")
        finally:
            connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")

    async with opened(path) as database:
        with pytest.raises(DatabaseUnavailable, match="disk is full"):
            await database.write(large)

        assert await database.read(count) == 0
        await database.write(add, "small")
        assert await database.read(keys) == {"small"}


async def test_a_copy_without_its_wal_is_older_and_whole(path: Path, tmp_path: Path) -> None:
    """Who copies the file alone loses what is in the log, and gets a database of before: never half of a write."""
    copy = tmp_path / "copy" / "aijobs.db"
    copy.parent.mkdir()

    def both(session: Session, number: int) -> None:
        add(session, f"{number} a")
        add(session, f"{number} b")

    async with opened(path) as database:
        for number in range(50):
            await database.write(both, number)
        shutil.copy(path, copy)

    async with opened(copy) as database:
        found = await database.read(keys)
        assert len(found) % 2 == 0
        assert {key[:-1] + "b" for key in found if key.endswith("a")} == {key for key in found if key.endswith("b")}
        await database.write(both, 100)


async def test_a_wal_that_is_gone_leaves_a_database_of_before(path: Path) -> None:
    async with opened(path) as database:
        await database.write(add, "one")
    async with opened(path) as database:
        await database.write(add, "two")
        snapshot = path.read_bytes()
    for left in path.parent.glob("aijobs.db-*"):
        left.unlink()
    path.write_bytes(snapshot)

    async with opened(path) as database:
        assert await database.read(keys) == {"one"}
        await database.write(add, "three")
        assert await database.read(keys) == {"one", "three"}


async def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)

    with pytest.raises(DatabaseUnavailable, match="no database"):
        async with opened(path):
            pass
