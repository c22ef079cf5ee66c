"""Reads the events of one job, and the log of all jobs' events as it grows."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table, func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from aijobs.domain.jobs.events import EventKind, JobEvent
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import ConnectionThreads, Database, Listener
from aijobs.persistence.tables import ApiKeyRow, JobEventRow, JobRow

AT_ONCE: Final = 500
SEARCHED_AT_ONCE: Final = 5_000
"""Events of the log that are searched for one page, where no index leads to those that match."""

EVENTS: Final[Table] = JobEventRow.__table__  # type: ignore[attr-defined]
PLACE: Final = "place"  #: the name of the position in a result
MAX_POSITION: Final = 2**63 - 1

_HORIZON: Final = select_columns(func.job_event_horizon())


def events_after(session: Session, code: str, seq: int, *, at_most: int = AT_ONCE) -> list[JobEvent]:
    """A job's events with a number above `seq`, in order."""
    found = session.exec(
        select(JobEventRow)
        .where(col(JobEventRow.job_code) == code, col(JobEventRow.seq) > seq)
        .order_by(col(JobEventRow.seq))
        .limit(at_most)
    )
    return [_job_event(row.model_dump()) for row in found]


def milestones(session: Session, code: str) -> list[JobEvent]:
    """A job's events without progress events, of which a long job has thousands."""
    found = session.exec(
        select(JobEventRow)
        .where(col(JobEventRow.job_code) == code, col(JobEventRow.kind) != EventKind.PROGRESS)
        .order_by(col(JobEventRow.seq))
    )
    return [_job_event(row.model_dump()) for row in found]


def askers_of(session: Session, events: Sequence[JobEvent]) -> dict[str, str]:
    """What the keys are called, by their ids, that have canceled or decided something, revoked ones too."""
    asked_by = {str(event.detail["by"]) for event in events if "by" in event.detail}
    if not asked_by:
        return {}
    found = session.exec(select(ApiKeyRow.key_id, ApiKeyRow.name).where(col(ApiKeyRow.key_id).in_(asked_by)))
    return dict(found.all())


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """An event in the log of all jobs. Positions grow in the order of commits."""

    position: int
    user_id: str
    model_id: str
    event: JobEvent


@dataclass(frozen=True, kw_only=True)
class EventFilter:
    """Selects events of the log; an empty field filters nothing. `statuses` selects events that enter one of them."""

    user_id: str | None = None
    codes: frozenset[str] = frozenset()
    model_ids: frozenset[str] = frozenset()
    statuses: frozenset[JobStatus] = frozenset()
    kinds: frozenset[EventKind] = frozenset()

    def matches(self, entry: LogEntry) -> bool:
        event = entry.event
        return (
            (self.user_id is None or entry.user_id == self.user_id)
            and (not self.codes or event.code in self.codes)
            and (not self.model_ids or entry.model_id in self.model_ids)
            and (not self.statuses or (event.kind is EventKind.STATUS and event.job_status in self.statuses))
            and (not self.kinds or event.kind in self.kinds)
        )

    @property
    def is_indexed(self) -> bool:
        """Whether an index leads to the events that match."""
        return bool(self.codes) or not (self.model_ids or self.statuses or self.kinds)

    def clauses(self) -> Iterator[ColumnElement[bool]]:
        """The same conditions for a query."""
        if self.user_id is not None:
            yield col(JobEventRow.user_id) == self.user_id
        if self.codes:
            yield col(JobEventRow.job_code).in_(self.codes)
        if self.model_ids:
            yield col(JobRow.model_id).in_(self.model_ids)
        if self.statuses:
            yield col(JobEventRow.kind) == EventKind.STATUS
            yield col(JobEventRow.job_status).in_(self.statuses)
        if self.kinds:
            yield col(JobEventRow.kind).in_(self.kinds)


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """Matching events in order, and how far the log was searched for them: what comes next is behind `reached`."""

    entries: list[LogEntry]
    reached: int
    is_more: bool


def log_after(session: Session, query: EventFilter, position: int, *, at_most: int = AT_ONCE) -> LogPage:
    """Up to `at_most` matching events of all jobs after a position. Not for a snapshot: see `_horizon`.

    The log of all, of a user and of a job is read in order from an index. For anything else so many events are
    searched at a time: then a page may hold few events, or none, although there are more.
    """
    connection = session.connection()
    horizon = _horizon(connection)
    last = None if query.is_indexed else _last_searched(connection, query, position, horizon)
    found = _entries(connection, position, horizon if last is None else last, at_most + 1, *query.clauses())
    if len(found) > at_most:
        return LogPage(entries=found[:at_most], reached=found[at_most - 1].position, is_more=True)
    reached = found[-1].position if found else position
    return LogPage(entries=found, reached=last or reached, is_more=last is not None)


def _last_searched(connection: Connection, query: EventFilter, position: int, horizon: int) -> int | None:
    """The last of the events that are searched at a time; None where there are fewer."""
    place = _position_on(connection)
    own = [] if query.user_id is None else [EVENTS.c.user_id == query.user_id]
    behind = select_columns(place).where(place > position, place <= horizon, *own).order_by(place)
    last: int | None = connection.execute(behind.offset(SEARCHED_AT_ONCE - 1).limit(1)).scalar_one_or_none()
    return last


def newest_position(session: Session) -> int:
    """The position that the log has reached: what is not behind it is there. 0 when there is nothing."""
    return min(_newest(session.connection()), _horizon(session.connection()))


def is_in_log(session: Session, position: int) -> bool:
    """Whether the log has come to this position, even if it is not complete up to it."""
    return position <= _newest(session.connection())


def _horizon(connection: Connection) -> int:
    """The position up to which the log is complete, whoever is committing now.

    SQLite's one writer commits in order. Of PostgreSQL's, one may commit a position while a lower one is still being
    committed (revision 0015). What is read is to be read after this, and so not in a snapshot, which would be older.
    """
    if connection.dialect.name == "sqlite":
        return MAX_POSITION
    isolation = connection.get_execution_options().get("isolation_level")
    assert isolation != "REPEATABLE READ", "the log is not read in a snapshot"
    horizon: int = connection.execute(_HORIZON).scalar_one()
    return horizon


def _entries(
    connection: Connection, position: int, until: int, at_most: int, *clauses: ColumnElement[bool]
) -> list[LogEntry]:
    """The one reading of the log."""
    place = _position_on(connection)
    query: Select[Any] = (
        select_columns(EVENTS, place.label(PLACE), col(JobRow.model_id).label("model_id"))
        .join(JobRow, col(JobRow.code) == EVENTS.c.job_code)
        .where(place > position, place <= until, col(JobRow.deleted).is_(False), *clauses)
        .order_by(place)
        .limit(at_most)
    )
    return [_log_entry(row) for row in connection.execute(query).mappings()]


def _newest(connection: Connection) -> int:
    newest: int | None = connection.execute(select_columns(func.max(_position_on(connection)))).scalar_one()
    return newest or 0


def _position_on(connection: Connection) -> ColumnElement[int]:
    """What orders the log: no event appears whose position is smaller than one that was seen.

    SQLite's one writer numbers events in the order of their commits. PostgreSQL's writers overlap, and their events get
    positions while they commit (revision 0008): in this order up to the horizon.
    """
    return EVENTS.c.id if connection.dialect.name == "sqlite" else EVENTS.c.position


class EventTail:
    """The events that are committed from now on, of all jobs."""

    def __init__(self, reader: ConnectionThreads, listener: Listener) -> None:
        self._reader = reader
        self._listener = listener
        self.position = 0
        self._version: int | None = None

    async def skip(self) -> None:
        """Move to the last event that is committed now."""
        self.position = await self._reader.call(newest_position)

    async def new_entries(self) -> list[LogEntry]:
        """The events since the last call. Cheap while nothing was written."""
        entries = await self._reader.call(self._read)
        if entries:
            self.position = entries[-1].position
        return entries

    async def pause(self, seconds: float) -> None:
        """Before the next look: for so long, or until a hint comes that something was committed."""
        await self._listener.wait(seconds)

    def _read(self, session: Session) -> list[LogEntry]:
        connection = session.connection()
        version = _version(connection)
        if version is not None and version == self._version:
            return []
        entries = _entries(connection, self.position, _horizon(connection), AT_ONCE)
        if len(entries) < AT_ONCE:
            self._version = version
        return entries


def _version(connection: Connection) -> int | None:
    """Of the whole database, for this connection: the same as before when nothing was written. None on PostgreSQL."""
    if connection.dialect.name != "sqlite":
        return None
    version: int = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
    return version


@asynccontextmanager
async def opened_tail(database: Database) -> AsyncIterator[EventTail]:
    """A tail with its own connection, until the block ends."""
    async with database.opened_reader() as reader, database.opened_listener() as listener:
        yield EventTail(reader, listener)


def _log_entry(row: RowMapping) -> LogEntry:
    return LogEntry(position=row[PLACE], user_id=row["user_id"], model_id=row["model_id"], event=_job_event(row))


def _job_event(row: Any) -> JobEvent:
    return JobEvent(
        seq=row["seq"],
        code=row["job_code"],
        at=row["at"],
        kind=EventKind(row["kind"]),
        job_status=row["job_status"],
        job_status_name=row["job_status"].name,
        job_status_desc=row["job_status"].zh,
        unit_progress=row["unit_progress"],
        overall_progress=row["overall_progress"],
        detail=row["detail"],
    )
