"""Brings a PostgreSQL database up to date: by one process at a time, and without stopping those who use it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from sqlalchemy import URL, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from aijobs.domain.errors import SchemaMismatch
from aijobs.persistence.database import postgresql
from aijobs.persistence.database.schema import LATEST_REVISION, check_revision, run_migrations

MIGRATION_LOCK: Final = 4_937_201_001
LOCK_PAUSE: Final = timedelta(milliseconds=200)
MIGRATION_TIMEOUT: Final = timedelta(minutes=30)
"""How long a process waits for another one that migrates."""

ATTEMPTS: Final = 20
"""A migration that meets a long transaction gives up after its lock timeout, so as not to stop everybody behind it."""

ATTEMPT_PAUSE: Final = timedelta(seconds=3)

LOOKS: Final = 4  #: for a database that cannot be connected to

LOCK_NOT_AVAILABLE: Final = "55P03"
ALREADY_THERE: Final = frozenset({"42P04", "23505"})  #: duplicate_database; two who create it at the same moment

#: A restore without triggers (`session_replication_role = replica`) leaves events without a position.
COMPLETE_POSITIONS: Final = """
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = 'job_event_number' AND tgenabled NOT IN ('O', 'A')) THEN
        ALTER TABLE job_event ENABLE TRIGGER job_event_number;
    END IF;
    IF EXISTS (SELECT 1 FROM job_event WHERE position IS NULL) THEN
        -- Never back: writers may have taken numbers since it was looked at.
        PERFORM setval('job_event_position', given.position)
        FROM (SELECT max(position) AS position FROM job_event) AS given, job_event_position AS used
        WHERE given.position > used.last_value;
        UPDATE job_event SET position = numbered.position
        FROM (SELECT id, nextval('job_event_position') AS position
              FROM (SELECT id FROM job_event WHERE position IS NULL ORDER BY id) AS missing) AS numbered
        WHERE job_event.id = numbered.id;
    END IF;
END
$$
"""

MAINTENANCE_DATABASE: Final = "postgres"


def upgrade_postgresql(url: URL) -> str | None:
    """Bring the database up to date, and create it when it is missing. Returns the revision that it had before.

    Of several processes one migrates, and the others wait for it. Raises SchemaMismatch when its revision is newer than
    ours, and whatever the server refuses.
    """
    _create_if_missing(url)
    engine = postgresql.administrator(url)
    try:
        with _migration_lock(engine):
            before = postgresql.revision(url)
            if before is not None and before > LATEST_REVISION:
                check_revision(before, oldest_code=postgresql.oldest_code(url))
            elif before != LATEST_REVISION:
                _migrate_patiently(url)
            with engine.begin() as connection:
                connection.exec_driver_sql(COMPLETE_POSITIONS)
            return before
    finally:
        engine.dispose()


def _migrate_patiently(url: URL) -> None:
    """Each migration is a transaction: what was done is not done again."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return run_migrations(url)
        except OperationalError as failed:
            if postgresql.sqlstate_of(failed) != LOCK_NOT_AVAILABLE or attempt == ATTEMPTS:
                raise
            time.sleep(ATTEMPT_PAUSE.total_seconds())
    return None


@contextmanager
def _migration_lock(engine: Engine) -> Iterator[None]:
    """Held by a transaction of its own, so that it works behind PgBouncer, and is let go when this process dies.

    It is tried again and again instead of waited for: an index that is built concurrently waits for all who wait.
    """
    deadline = time.monotonic() + MIGRATION_TIMEOUT.total_seconds()
    while time.monotonic() < deadline:
        with engine.connect() as connection:
            taken: bool = connection.execute(
                text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK}
            ).scalar_one()
            if taken:
                connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
                yield
                return
        time.sleep(LOCK_PAUSE.total_seconds())
    raise SchemaMismatch("Another process has been migrating the database for too long.")


def _create_if_missing(url: URL) -> None:
    """Raises what the server refuses: to create a database is not everybody's right.

    A busy server may answer neither this process nor the one that has just created the database: it is asked again.
    """
    for attempt in range(1, LOOKS + 1):
        try:
            return _connect(url)
        except OperationalError:
            if _is_there(url) is False:
                return _create(url)
            if attempt == LOOKS:
                raise
        time.sleep(LOCK_PAUSE.total_seconds())
    return None


def _connect(url: URL) -> None:
    engine = postgresql.administrator(url)
    try:
        with engine.connect():
            return
    finally:
        engine.dispose()


def _is_there(url: URL) -> bool | None:
    """Whether the server has the database; None when it cannot be asked."""
    engine = postgresql.administrator(url.set(database=MAINTENANCE_DATABASE))
    try:
        with engine.connect() as connection:
            known = connection.execute(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": url.database})
            return known.first() is not None
    except OperationalError:
        return None
    finally:
        engine.dispose()


def _create(url: URL) -> None:
    engine = postgresql.administrator(url.set(database=MAINTENANCE_DATABASE), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            name = connection.dialect.identifier_preparer.quote_identifier(url.database or "")
            connection.exec_driver_sql(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    except DBAPIError as failed:
        if postgresql.sqlstate_of(failed) not in ALREADY_THERE:
            raise
    finally:
        engine.dispose()
