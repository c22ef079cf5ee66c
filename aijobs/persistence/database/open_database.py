"""Opens a database: the threads and connections that suit its kind."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database import postgresql, sqlite
from aijobs.persistence.database.connection_threads import ConnectionThreads
from aijobs.persistence.database.database import Database
from aijobs.persistence.database.errors import unavailability
from aijobs.persistence.database.schema import upgrade
from aijobs.persistence.database.transactions import retried, run_grouped, run_reads


@asynccontextmanager
async def opened_database(url: str) -> AsyncIterator[Database]:
    """A database whose tables are up to date. `url` is an SQLAlchemy URL, for example `sqlite:////data/aijobs.db`.

    Raises ValueError for a database of another kind, and DatabaseUnavailable.
    """
    parsed = _checked(url)
    try:
        await asyncio.to_thread(upgrade, parsed)
    except (SQLAlchemyError, sqlite3.Error) as failed:
        raise unavailability(failed) or failed from failed
    except OSError as failed:
        raise DatabaseUnavailable(f"The database cannot be used: {failed.strerror}.") from failed
    async with existing_database(url) as database:
        yield database


@asynccontextmanager
async def existing_database(url: str) -> AsyncIterator[Database]:
    """A database as it is: it is neither created nor migrated. Raises ValueError for a database of another kind."""
    parsed = _checked(url)
    database = OPENERS[parsed.get_backend_name()](parsed)
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


def _sqlite(url: URL) -> Database:
    """One thread writes, since SQLite has one writer."""
    reader = sqlite.reader(url)
    return Database(
        writers=ConnectionThreads("writer", sqlite.writer(url), run_grouped, at_once=sqlite.GROUP),
        readers=ConnectionThreads("reader", reader, run_reads, threads=sqlite.READERS),
        snapshots=ConnectionThreads("snapshot", sqlite.snapshot_reader(url), run_reads),
        another_reader=partial(ConnectionThreads, "own-reader", reader, run_reads),
        check_disk=partial(sqlite.require_room, url),
    )


def _postgresql(url: URL) -> Database:
    """Commits are not grouped: the server does that."""
    reader = postgresql.reader(url)
    writer, run_writes = postgresql.writer(url), retried(postgresql.gave_up)
    return Database(
        writers=ConnectionThreads("writer", writer, run_writes, threads=postgresql.WRITERS),
        readers=ConnectionThreads("reader", reader, run_reads, threads=postgresql.READERS),
        snapshots=ConnectionThreads("snapshot", postgresql.snapshot_reader(url), run_reads),
        another_reader=partial(ConnectionThreads, "own-reader", reader, run_reads),
    )


OPENERS: Final[Mapping[str, Callable[[URL], Database]]] = {"sqlite": _sqlite, "postgresql": _postgresql}
