"""Opens a database: the threads and connections that suit its kind."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database import postgresql, sqlite
from aijobs.persistence.database.connection_threads import ConnectionThreads
from aijobs.persistence.database.database import Database, NoHints
from aijobs.persistence.database.errors import unavailability
from aijobs.persistence.database.postgresql_hints import CommitHints, CommitListener
from aijobs.persistence.database.postgresql_schema import upgrade_postgresql
from aijobs.persistence.database.recovery import Recovery, committed, read
from aijobs.persistence.database.schema import make_ready, upgrade_file
from aijobs.persistence.database.transactions import run_grouped, run_reads
from aijobs.persistence.postgresql_settings import PostgresqlSettings

T = TypeVar("T")

SNAPSHOTS: Final = 2  #: long reads at once: one does not hold up the next, and two leave processors to the others

DEFAULT_SETTINGS: Final = PostgresqlSettings()


@asynccontextmanager
async def opened_database(url: str, settings: PostgresqlSettings = DEFAULT_SETTINGS) -> AsyncIterator[Database]:
    """A database whose tables are up to date. `url` is an SQLAlchemy URL, for example `sqlite:////data/aijobs.db`.

    A file of SQLite is made and migrated; a database of PostgreSQL is as `prepared_database` has left it. Raises
    ValueError for a database of another kind, SchemaMismatch, and DatabaseUnavailable.
    """
    await _run(make_ready, _checked(url))
    async with existing_database(url, settings) as database:
        yield database


async def prepared_database(url: str) -> str | None:
    """Make a database and bring it up to date. Returns the revision that it had; None when it had no tables.

    Raises ValueError for a database of another kind, SchemaMismatch, and DatabaseUnavailable.
    """
    parsed = _checked(url)
    return await _run(upgrade_file if parsed.get_backend_name() == "sqlite" else upgrade_postgresql, parsed)


def revision_of(url: URL) -> str | None:
    """The revision of a database; None when it has no tables. Raises DatabaseUnavailable, and changes nothing."""
    try:
        return sqlite.revision(url) if url.get_backend_name() == "sqlite" else postgresql.revision(url)
    except (SQLAlchemyError, sqlite3.Error) as failed:
        raise unavailability(failed) or failed from failed


def oldest_code_of(url: URL) -> str | None:
    """The oldest revision whose code may use a database. Raises DatabaseUnavailable."""
    try:
        return sqlite.oldest_code(url) if url.get_backend_name() == "sqlite" else postgresql.oldest_code(url)
    except (SQLAlchemyError, sqlite3.Error) as failed:
        raise unavailability(failed) or failed from failed


async def _run(work: Callable[[URL], T], url: URL) -> T:
    """Work of a command, on a thread. Raises what it raises, and DatabaseUnavailable."""
    try:
        return await asyncio.to_thread(work, url)
    except (SQLAlchemyError, sqlite3.Error) as failed:
        raise unavailability(failed) or failed from failed
    except OSError as failed:
        raise DatabaseUnavailable(f"The database cannot be used: {failed.strerror}.") from failed


@asynccontextmanager
async def existing_database(url: str, settings: PostgresqlSettings = DEFAULT_SETTINGS) -> AsyncIterator[Database]:
    """A database as it is: it is neither created nor migrated. Raises ValueError for a database of another kind."""
    parsed = _checked(url)
    database = OPENERS[parsed.get_backend_name()](parsed, settings)
    try:
        yield database
    finally:
        await database.close()


def _checked(url: str) -> URL:
    parsed = make_url(url)
    kind = parsed.get_backend_name()
    if kind not in OPENERS:
        raise ValueError(f"AIJOBS_DATABASE_URL: {kind!r} is not supported, only {' and '.join(OPENERS)} are.")
    return parsed


def _sqlite(url: URL, _settings: PostgresqlSettings) -> Database:
    """One thread writes, since SQLite has one writer."""
    reader = sqlite.reader(url)
    return Database(
        writers=ConnectionThreads("writer", sqlite.writer(url), run_grouped, at_once=sqlite.GROUP),
        readers=ConnectionThreads("reader", reader, run_reads, threads=sqlite.READERS),
        snapshots=ConnectionThreads("snapshot", sqlite.snapshot_reader(url), run_reads, threads=SNAPSHOTS),
        another_reader=partial(ConnectionThreads, "own-reader", reader, run_reads),
        check_disk=partial(sqlite.require_room, url),
        truncate_log=partial(sqlite.truncate_log, url),
    )


def _postgresql(url: URL, settings: PostgresqlSettings) -> Database:
    """Commits are not grouped: the server does that."""
    recovery = Recovery(postgresql.gave_up, postgresql.is_lost, settings.reconnect_for)
    run_read, run_write = partial(recovery.runs, read), partial(recovery.runs, committed)
    reader = postgresql.reader(url, settings)
    threads = partial(ConnectionThreads, patience=settings.reconnect_for)
    return Database(
        writers=threads("writer", postgresql.writer(url, settings), run_write, threads=settings.writers),
        readers=threads("reader", reader, run_read, threads=settings.readers),
        snapshots=threads("snapshot", postgresql.snapshot_reader(url, settings), run_read, threads=SNAPSHOTS),
        another_reader=partial(threads, "own-reader", reader, run_read),
        hints=None if settings.transaction_pooler else CommitHints(threads("hints", postgresql.hinter(url), run_read)),
        another_listener=NoHints if settings.transaction_pooler else partial(CommitListener, url),
    )


OPENERS: Final[Mapping[str, Callable[[URL, PostgresqlSettings], Database]]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
}
