"""Database connections. SQLite has one writer at a time (BEGIN IMMEDIATE: no lost updates)."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, event, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.private_files import make_private_file, make_private_folder

LATEST_REVISION: Final = "0007"
"""The newest migration."""

READERS: Final = 4
BUSY_TIMEOUT: Final = timedelta(seconds=30)
WAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
MIN_FREE_BYTES: Final = 1024 * 1024

#: A write that reaches the disk and changes nothing.
NOOP_WRITE: Final = "UPDATE alembic_version SET version_num = version_num"

#: SQLite's primary result codes for errors of the environment, not of our code.
UNAVAILABLE_REASONS: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_BUSY: "another process holds it for too long",
    sqlite3.SQLITE_LOCKED: "it is locked",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_PERM: "it may not be read or written",
    sqlite3.SQLITE_IOERR: "its disk reports an error",
    sqlite3.SQLITE_FULL: "its disk is full",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_NOMEM: "there is no memory",
    sqlite3.SQLITE_NOTADB: "the file is no database",
    sqlite3.SQLITE_CORRUPT: "it is damaged",
}
PRIMARY_CODE: Final = 0xFF  #: the part of an extended result code that is the primary one


class Database:
    """Sessions for reading and for writing. A writing session commits at its end, and rolls back on an error."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer = writer
        self._reader = reader

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(self._reader, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncSession]:
        """A reading session that sees one consistent snapshot, whatever is written meanwhile."""
        async with self.read() as session:
            connection = await session.connection()
            await connection.exec_driver_sql("BEGIN")  # the driver itself begins nothing before a SELECT
            yield session

    async def probe(self) -> None:
        """Check that writes work, without changing anything. Raises DatabaseUnavailable."""
        try:
            async with self.write() as session:
                await (await session.connection()).exec_driver_sql(NOOP_WRITE)
            await asyncio.to_thread(_require_room, self._writer.url)
        except SQLAlchemyError as failed:
            raise unavailability(failed) or failed from failed

    @property
    def reader(self) -> AsyncEngine:
        return self._reader


def _require_room(url: URL) -> None:
    """Raises DatabaseUnavailable when the disk is full: `NOOP_WRITE` still works then, larger transactions do not."""
    if url.database and shutil.disk_usage(Path(url.database).parent).free < MIN_FREE_BYTES:
        raise DatabaseUnavailable("The disk of the database is full.")


def unavailability(error: BaseException) -> DatabaseUnavailable | None:
    """DatabaseUnavailable, where an error means that the database cannot be used now; None for bugs of ours."""
    if isinstance(error, PoolTimeout):
        return DatabaseUnavailable("The database is busy.")
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    if code is None or code & PRIMARY_CODE not in UNAVAILABLE_REASONS:
        return None
    return DatabaseUnavailable(f"The database cannot be used: {UNAVAILABLE_REASONS[code & PRIMARY_CODE]}.")


@asynccontextmanager
async def opened_database(url: str) -> AsyncIterator[Database]:
    """A database whose tables are up to date. `url` is an SQLAlchemy URL, for example `sqlite:////data/aijobs.db`.

    Raises ValueError for a database of another kind, and DatabaseUnavailable.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise ValueError(f"AIJOBS_DATABASE_URL: {parsed.get_backend_name()!r} is not supported yet, only sqlite is.")
    try:
        await asyncio.to_thread(_upgrade, parsed)
    except (SQLAlchemyError, sqlite3.Error) as failed:
        raise unavailability(failed) or failed from failed
    except OSError as failed:
        raise DatabaseUnavailable(f"The database cannot be used: {failed.strerror}.") from failed
    writer, reader = _sqlite_engines(parsed)
    try:
        yield Database(writer, reader)
    finally:
        await writer.dispose()
        await reader.dispose()


@asynccontextmanager
async def existing_database(url: str) -> AsyncIterator[Database]:
    """A database as it is, for reading: it is neither created nor migrated."""
    writer, reader = _sqlite_engines(make_url(url))
    try:
        yield Database(writer, reader)
    finally:
        await writer.dispose()
        await reader.dispose()


def _upgrade(url: URL) -> None:
    if url.database:
        make_private_folder(Path(url.database).parent)
        make_private_file(Path(url.database))  # SQLite gives its other files the same mode
    if _revision(url) == LATEST_REVISION:
        return
    from alembic import command  # takes long to load, and is needed once
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = url
    command.upgrade(config, "head")


def _revision(url: URL) -> str | None:
    """The migration of a database file; None when it is new."""
    with closing(sqlite3.connect(url.database or ":memory:", timeout=BUSY_TIMEOUT.total_seconds())) as connection:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
        return row[0] if row else None


def _sqlite_engines(url: URL) -> tuple[AsyncEngine, AsyncEngine]:
    address = url.set(drivername="sqlite+aiosqlite")
    shared: dict[str, Any] = {
        "connect_args": {"timeout": BUSY_TIMEOUT.total_seconds()},
        "hide_parameters": True,  # prompts do not belong into logs
    }
    writer = create_async_engine(address, pool_size=1, max_overflow=0, **shared)
    reader = create_async_engine(address, pool_size=READERS, max_overflow=0, **shared)
    one_writer(writer.sync_engine)
    event.listen(reader.sync_engine, "connect", _prepare_reader)
    return writer, reader


def one_writer(engine: Engine) -> Engine:
    """Make every transaction of an SQLite engine take the write lock at its start."""
    event.listen(engine, "connect", _prepare_writer)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_writer(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would be deferred, and lose updates
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # what was answered with 202 survives a power cut
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA journal_size_limit={WAL_LIMIT_BYTES}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _prepare_reader(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def sqlite_is_safe() -> bool:
    """Versions before 3.51.3 have a rare WAL corruption (sqlite.org/wal.html, "WAL-reset bug")."""
    return sqlite3.sqlite_version_info >= (3, 51, 3)
