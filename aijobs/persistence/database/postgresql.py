"""What is particular to PostgreSQL, which is reached by psycopg 3."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, func, inspect, text
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg
from sqlmodel import Session, select

from aijobs.persistence.database.storable import dump_json, refuse_unstorable
from aijobs.persistence.postgresql_settings import PostgresqlSettings

PREPARED_AT: Final = 5  #: uses of a statement, after which the server keeps its plan

NAMED_LOCKS: Final = 4937  #: the first of an advisory lock's two numbers; the other is of its name

CONNECT_SECONDS: Final = 10  #: of a command

#: A host that is cut off is noticed after these seconds: TCP itself would wait for minutes.
KEEPALIVES: Final[Mapping[str, int]] = {
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 14_000,  # milliseconds
}

#: SQLSTATEs of transactions that the server gave up for the sake of others: they may simply be run again. So may one
#: that inserts what another has inserted since it looked (23505): this time it finds it, as it would on SQLite at once.
GAVE_UP: Final = frozenset({"40001", "40P01", "23505"})

#: SQLSTATEs, or their first two letters, of errors of the environment, not of our code.
UNAVAILABLE_REASONS: Final[Mapping[str, str]] = {
    "08": "the connection to it is lost",
    "25006": "it is read-only",
    "25P03": "a transaction was idle for too long",
    "28": "it does not let this user in",
    "3D": "it does not exist",
    "40001": "too many write at once",
    "40P01": "too many write at once",
    "42501": "this user may not do that",
    "53100": "its disk is full",
    "53200": "it has no memory left",
    "53300": "it takes no more connections",
    "53": "it has no disk, memory or connection left",
    "55P03": "others hold a lock for too long",
    "57014": "a statement took too long",
    "57P03": "it is starting, or being stopped",
    "57": "it is being stopped",
    "58": "its disk reports an error",
}

#: Words of refused connections, for which the driver knows no code. In another language the reason is NOT_REACHED.
REFUSALS: Final[Mapping[str, str]] = {
    "unsupported startup parameter": "a pooler is in between; set AIJOBS_POSTGRESQL__TRANSACTION_POOLER",
    "too many": "it takes no more connections",
    "connection slots": "it takes no more connections",
    "starting up": "it is starting, or being stopped",
    "shutting down": "it is starting, or being stopped",
    "not yet accepting": "it is starting, or being stopped",
    "read-only": "it is read-only",
    "authentication failed": "it does not let this user in",
    "no pg_hba.conf entry": "it does not let this user in",
    "role": "it does not let this user in",
    "database": "it does not exist",
}
NOT_REACHED: Final = "it cannot be reached"
READ_ONLY: Final = "25006"


def unavailable_reason(cause: BaseException) -> str | None:
    """Why the database cannot be used now; None for errors of other kinds."""
    if type(cause).__module__.partition(".")[0] != "psycopg":
        return None
    state = sqlstate_of(cause)
    if state is None:
        return _refusal(str(cause)) if _is_operational(cause) else None
    return UNAVAILABLE_REASONS.get(state) or UNAVAILABLE_REASONS.get(state[:2])


def _refusal(message: str) -> str:
    _, _, words = message.partition("FATAL:")
    return next((reason for part, reason in REFUSALS.items() if part in words), NOT_REACHED)


def gave_up(error: BaseException) -> bool:
    """Whether the server gave a transaction up so that others could go on."""
    return sqlstate_of(error) in GAVE_UP


def is_lost(error: BaseException) -> bool:
    """Whether the connection is of no use: it is gone, there is none, or it leads to a server that is read-only.

    A server is read-only that was a primary before another took over: a new connection leads to the other.
    """
    if sqlstate_of(error) == READ_ONLY or getattr(error, "connection_invalidated", False):
        return True
    return sqlstate_of(error) is None and _is_operational(getattr(error, "orig", error))


def _is_operational(cause: object) -> bool:
    return type(cause).__name__ in {"OperationalError", "ConnectionTimeout"}


def lock_name(session: Session, name: str) -> None:
    """Until the transaction ends, whoever locks the same name waits: for what is counted before a row is added to it.

    Does nothing on SQLite, which has one writer at a time.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.exec(select(func.pg_advisory_xact_lock(NAMED_LOCKS, func.hashtext(name))))


def administrator(url: URL, **options: Any) -> Engine:
    """For changes of the tables, which may take as long as they take."""
    arguments = {"connect_timeout": CONNECT_SECONDS, "prepare_threshold": None}
    return create_engine(_address(url), poolclass=NullPool, connect_args=arguments, hide_parameters=True, **options)


def sqlstate_of(error: BaseException) -> str | None:
    """The code of an error, where the server named one."""
    state: str | None = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state


def writer(url: URL, settings: PostgresqlSettings) -> Engine:
    return _engine(url, settings)


def reader(url: URL, settings: PostgresqlSettings) -> Engine:
    """Each statement sees what is committed when it begins, and needs no BEGIN and ROLLBACK around it."""
    options = () if settings.transaction_pooler else ("default_transaction_read_only=on",)
    return _without_locks(_engine(url, settings, *options, isolation_level="AUTOCOMMIT"))


def snapshot_reader(url: URL, settings: PostgresqlSettings) -> Engine:
    """All statements of a transaction see the same, and none can write."""
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return _without_locks(_engine(url, settings)).execution_options(**options)


class ReadingCompiler(PGCompiler_psycopg):
    """Leaves FOR UPDATE out, as SQLite's does: whoever only reads neither locks nor waits for locks."""

    def for_update_clause(self, select: Any, **kw: Any) -> str:  # noqa: ARG002 (it is theirs)
        return ""


def _without_locks(engine: Engine) -> Engine:
    engine.dialect.statement_compiler = ReadingCompiler
    return engine


def hinter(url: URL) -> Engine:
    """For messages that may be lost: it does not wait for the disk, which NOTIFY would do under the server's lock."""
    arguments = {"connect_timeout": CONNECT_SECONDS, "options": "-c synchronous_commit=off"}
    return create_engine(_address(url), poolclass=NullPool, connect_args=arguments, isolation_level="AUTOCOMMIT")


def revision(url: URL) -> str | None:
    """The migration of a database; None when it is new."""
    return _only_value(url, "alembic_version", "SELECT version_num FROM alembic_version")


def oldest_code(url: URL) -> str | None:
    """The oldest revision whose code may use a database; None when the database does not say."""
    return _only_value(url, "schema_support", "SELECT oldest_code FROM schema_support")


def _only_value(url: URL, table: str, query: str) -> str | None:
    engine = administrator(url)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table(table):
                return None
            found: str | None = connection.execute(text(query)).scalar_one_or_none()
            return found
    finally:
        engine.dispose()


def _address(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg")


def _engine(url: URL, settings: PostgresqlSettings, *more: str, **options: Any) -> Engine:
    """`more` are settings of its sessions. A pooler takes none: the limits are then those of each transaction."""
    limits = [f"{name}={_milliseconds(limit)}" for name, limit in settings.limits.items()]
    arguments: dict[str, Any] = {
        "connect_timeout": max(round(settings.connect_timeout.total_seconds()), 1),
        "prepare_threshold": PREPARED_AT if settings.prepares else None,
        **KEEPALIVES,
    }
    if not settings.transaction_pooler:
        arguments["options"] = " ".join(f"-c {setting}" for setting in ("TimeZone=UTC", *limits, *more))
    engine = create_engine(
        _address(url),
        poolclass=NullPool,  # each thread keeps its connection
        connect_args=arguments,
        json_serializer=dump_json,
        hide_parameters=True,  # prompts do not belong into logs
        **options,
    )
    refuse_unstorable(engine)
    if settings.transaction_pooler and "isolation_level" not in options:
        event.listen(engine, "begin", _limiting("; ".join(f"SET LOCAL {limit}" for limit in limits)))
    return engine


def _limiting(statements: str) -> Callable[[Connection], None]:
    def limit(connection: Connection) -> None:
        connection.exec_driver_sql(statements)

    return limit


def _milliseconds(limit: timedelta) -> int:
    return round(limit.total_seconds() * 1000)
