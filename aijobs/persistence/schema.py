"""The revision of a database, and how it is brought up to date: on PostgreSQL by one process at a time, when asked."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, create_engine, inspect, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from aijobs.domain.errors import SchemaMismatch

LATEST_REVISION: Final = "0008"
"""The newest migration. Revisions are numbers of four digits: a later one is greater."""

MIGRATIONS: Final = Path(__file__).parent / "migrations"

MIGRATION_LOCK: Final = 4_937_201_001
LOCK_PAUSE: Final = timedelta(milliseconds=200)
MIGRATION_TIMEOUT: Final = timedelta(minutes=30)
"""How long a process waits for another one that migrates."""

ATTEMPTS: Final = 20
"""A migration that meets a long transaction gives up after its lock timeout, so as not to stop everybody behind it."""

ATTEMPT_PAUSE: Final = timedelta(seconds=3)

UNDEFINED_TABLE: Final = "42P01"
UNKNOWN_DATABASE: Final = "3D000"
LOCK_NOT_AVAILABLE: Final = "55P03"
ALREADY_THERE: Final = frozenset({"42P04", "23505"})  #: duplicate_database; two who create it at the same moment

MAINTENANCE_DATABASE: Final = "postgres"


def check_revision(revision: str | None) -> None:
    """Raises SchemaMismatch when a database of this revision is not what this version works with."""
    if revision == LATEST_REVISION:
        return
    if revision is None:
        raise SchemaMismatch("The database has no tables yet. `aijobs init` makes them.")
    if revision < LATEST_REVISION:
        raise SchemaMismatch(
            f"The database is at revision {revision}, and this version of aijobs needs {LATEST_REVISION}. "
            "`aijobs init` brings it up to date."
        )
    raise SchemaMismatch(
        f"The database is at revision {revision}, which is newer than {LATEST_REVISION}, the newest that this version "
        "of aijobs knows. Install the version that has migrated it."
    )


def revision_on(connection: Connection) -> str | None:
    """The revision of the connected database; None when it is new."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return revision


def run_migrations(url: URL, *, revision: str = "head") -> None:
    """Migrate a database, whoever else may be doing it."""
    from alembic import command  # takes long to load, and is needed once
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    command.upgrade(config, revision)


def upgrade_postgresql(url: URL) -> str | None:
    """Bring the database up to date, and create it when it is missing. Returns the revision that it had before.

    Of several processes one migrates, and the others wait for it. Raises SchemaMismatch when its revision is newer than
    ours, and whatever the server refuses.
    """
    _create_if_missing(url)
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    try:
        with _migration_lock(engine), engine.connect() as connection:
            before = revision_on(connection)
            connection.commit()
            if before is not None and before > LATEST_REVISION:
                check_revision(before)
            if before != LATEST_REVISION:
                _migrate_patiently(url)
            return before
    finally:
        engine.dispose()


def _migrate_patiently(url: URL) -> None:
    """Each migration is a transaction: what was done is not done again."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return run_migrations(url)
        except OperationalError as failed:
            if sqlstate_of(failed) != LOCK_NOT_AVAILABLE or attempt == ATTEMPTS:
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
    """Raises what the server refuses: to create a database is not everybody's right."""
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.connect():
            return
    except OperationalError as failed:
        if UNKNOWN_DATABASE not in str(sqlstate_of(failed)) and "does not exist" not in str(failed.orig):
            raise
    finally:
        engine.dispose()
    _create_database(url)


def _create_database(url: URL) -> None:
    engine = create_engine(url.set(database=MAINTENANCE_DATABASE), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            quoted = connection.dialect.identifier_preparer.quote(url.database or "")
            connection.exec_driver_sql(f"CREATE DATABASE {quoted} ENCODING 'UTF8' TEMPLATE template0")
    except ProgrammingError as failed:
        if sqlstate_of(failed) not in ALREADY_THERE:
            raise
    finally:
        engine.dispose()


def sqlstate_of(error: BaseException) -> str | None:
    """PostgreSQL's code of an error, where the server named one."""
    code: str | None = getattr(getattr(error, "orig", error), "sqlstate", None)
    return code
