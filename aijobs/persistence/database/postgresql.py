"""What is particular to PostgreSQL, which is reached by psycopg 3."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import URL, Engine, NullPool, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

WRITERS: Final = 6
"""Transactions of one process at once; the others wait in its queue instead of for locks in the server."""

READERS: Final = 3
CONNECT_TIMEOUT: Final = timedelta(seconds=10)

#: The server's own limits, which end what our code would wait for in vain.
TIME_LIMITS: Final[Mapping[str, timedelta]] = {
    "statement_timeout": timedelta(seconds=60),
    "lock_timeout": timedelta(seconds=30),
    "idle_in_transaction_session_timeout": timedelta(seconds=60),
}

#: SQLSTATEs of transactions that the server gave up for the sake of others: they may simply be run again.
GAVE_UP: Final = frozenset({"40001", "40P01"})

#: SQLSTATEs, or their first two letters, of errors of the environment, not of our code.
UNAVAILABLE_REASONS: Final[Mapping[str, str]] = {
    "08": "the connection to it is lost",
    "25006": "it is read-only",
    "28": "it does not let this user in",
    "3D": "it does not exist",
    "40001": "too many write at once",
    "40P01": "too many write at once",
    "53": "it has no disk, memory or connection left",
    "55P03": "others hold a lock for too long",
    "57": "it is being stopped, or took too long",
    "58": "its disk reports an error",
}
NOT_REACHED: Final = "it cannot be reached"


def unavailable_reason(cause: BaseException) -> str | None:
    """Why the database cannot be used now; None for errors of other kinds."""
    if type(cause).__module__.partition(".")[0] != "psycopg":
        return None
    state: str | None = getattr(cause, "sqlstate", None)
    if state is None:
        return NOT_REACHED if type(cause).__name__ == "OperationalError" else None
    return UNAVAILABLE_REASONS.get(state) or UNAVAILABLE_REASONS.get(state[:2])


def gave_up(error: DBAPIError) -> bool:
    """Whether the server gave a transaction up so that others could go on."""
    return getattr(error.orig, "sqlstate", None) in GAVE_UP


def writer(url: URL) -> Engine:
    return _engine(url)


def reader(url: URL) -> Engine:
    """Each statement sees what is committed when it begins, and needs no BEGIN and ROLLBACK around it."""
    return _engine(url, isolation_level="AUTOCOMMIT")


def snapshot_reader(url: URL) -> Engine:
    """All statements of a transaction see the same."""
    return _engine(url, isolation_level="REPEATABLE READ")


def revision(url: URL) -> str | None:
    """The migration of a database; None when it is new."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
            return found
    finally:
        engine.dispose()


def _engine(url: URL, **options: Any) -> Engine:
    limits = " ".join(f"-c {name}={round(limit.total_seconds() * 1000)}" for name, limit in TIME_LIMITS.items())
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        poolclass=NullPool,  # each thread keeps its connection
        connect_args={"connect_timeout": round(CONNECT_TIMEOUT.total_seconds()), "options": limits},
        hide_parameters=True,  # prompts do not belong into logs
        **options,
    )
