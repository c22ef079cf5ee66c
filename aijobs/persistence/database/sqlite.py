"""What is particular to SQLite. It has one writer at a time (BEGIN IMMEDIATE: no lost updates)."""

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database.storable import dump_json, refuse_unstorable

GROUP: Final = 32
"""Transactions that are committed together at most: they share one wait for the disk."""

READERS: Final = 2
BUSY_TIMEOUT: Final = timedelta(seconds=30)
WAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
MIN_FREE_BYTES: Final = 1024 * 1024

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


def unavailable_reason(cause: BaseException) -> str | None:
    """Why the database cannot be used now; None for errors of other kinds."""
    code = getattr(cause, "sqlite_errorcode", None)
    return None if code is None else UNAVAILABLE_REASONS.get(code & PRIMARY_CODE)


def writer(url: URL) -> Engine:
    return one_writer(_engine(url))


def reader(url: URL) -> Engine:
    """Connections that cannot write. Each statement sees what is committed when it begins."""
    engine = _engine(url)
    event.listen(engine, "connect", _prepare_reader)
    return engine


def snapshot_reader(url: URL) -> Engine:
    """As `reader`, but all statements of a transaction see the same."""
    engine = reader(url)
    event.listen(engine, "begin", _begin)
    return engine


def one_writer(engine: Engine) -> Engine:
    """Make every transaction of an engine take the write lock at its start."""
    event.listen(engine, "connect", _prepare_writer)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def require_room(url: URL) -> None:
    """Raises DatabaseUnavailable when the disk is full: a write that changes nothing would still succeed."""
    if url.database and shutil.disk_usage(Path(url.database).parent).free < MIN_FREE_BYTES:
        raise DatabaseUnavailable("The disk of the database is full.")


def truncate_log(url: URL) -> None:
    """Write the log into the database and empty it, so that it has nothing of what was erased. Waits for readers."""
    with closing(sqlite3.connect(url.database or ":memory:", timeout=BUSY_TIMEOUT.total_seconds())) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def revision(url: URL) -> str | None:
    """The migration of a database file; None when it is new."""
    with closing(sqlite3.connect(url.database or ":memory:", timeout=BUSY_TIMEOUT.total_seconds())) as connection:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
        return row[0] if row else None


def oldest_code(url: URL) -> str | None:
    """The oldest revision whose code may use a database file; None when the file does not say."""
    with closing(sqlite3.connect(url.database or ":memory:", timeout=BUSY_TIMEOUT.total_seconds())) as connection:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_support'").fetchone()
        row = connection.execute("SELECT oldest_code FROM schema_support").fetchone() if known else None
        return row[0] if row else None


def schema(path: Path) -> list[tuple[str | None, ...]]:
    """The revision of a file that has one, and what its tables, indexes and triggers are made by."""
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT.total_seconds())) as connection:
        made = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
        return [*connection.execute("SELECT version_num FROM alembic_version"), *made]


def copy_file(source: Path, target: Path) -> None:
    """Make `target` what `source` is at this moment, while others read and write it. The copy is one file.

    It is SQLite's online backup, in one step: of a file in WAL mode it sees one moment, and holds up no writer. Written
    over an existing file, it waits for those who use that. Raises sqlite3.Error.
    """
    timeout = BUSY_TIMEOUT.total_seconds()
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=timeout)) as read,
        closing(sqlite3.connect(target, timeout=timeout)) as written,
    ):
        read.backup(written)


def damage(path: Path) -> str | None:
    """What SQLite finds wrong with a file; None when nothing is."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        found: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    return None if found == "ok" else found


def sqlite_is_safe() -> bool:
    """Versions before 3.51.3 have a rare WAL corruption (sqlite.org/wal.html, "WAL-reset bug")."""
    return sqlite3.sqlite_version_info >= (3, 51, 3)


def _busy_seconds(url: URL) -> float:
    """How long a statement waits for other processes: as the URL says (`?timeout=5`, in seconds), or BUSY_TIMEOUT."""
    said = url.query.get("timeout")
    return float(said) if isinstance(said, str) else BUSY_TIMEOUT.total_seconds()


def _engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        json_serializer=dump_json,
        poolclass=NullPool,  # each thread keeps its connection
        connect_args={"timeout": _busy_seconds(url), "isolation_level": None},  # we say BEGIN ourselves
        hide_parameters=True,  # prompts do not belong into logs
    )
    refuse_unstorable(engine)
    return engine


def _prepare_writer(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would be deferred, and lose updates
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # what was answered with 202 survives a power cut
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten
    cursor.execute(f"PRAGMA journal_size_limit={WAL_LIMIT_BYTES}")
    cursor.close()


def _prepare_reader(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
