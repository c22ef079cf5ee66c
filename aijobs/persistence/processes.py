"""The running processes of an installation: each tells the database every few seconds that it lives."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import structlog
from sqlalchemy import Float, delete, insert, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement
from sqlmodel import Session, col, select

from aijobs.domain.errors import AijobsError
from aijobs.domain.values.host_facts import HostFacts
from aijobs.domain.values.ids import new_id
from aijobs.persistence.access.installation import wanted_levels
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.tables import ProcessRow

BEAT: Final = timedelta(seconds=4)
ALIVE_FOR: Final = timedelta(seconds=12)
"""Three beats: a process that was not seen for longer is dead, hangs, or is cut off from the database."""

REMEMBERED_FOR: Final = timedelta(days=1)
MAX_CLOCK_DIFFERENCE: Final = timedelta(seconds=5)

FollowLevels = Callable[[str | None], None]
"""Hears at each beat at which levels the installation's processes are to log; None: as each was started."""

log = structlog.get_logger()


class ProcessRole(StrEnum):
    """What a process does."""

    API = "api"
    WORKER = "worker"


@dataclass(frozen=True, kw_only=True)
class ProcessState:
    """A process and how it stands. `clock_ahead` is its clock's difference to the database's."""

    role: ProcessRole
    host: str
    pid: int
    version: str
    queues: tuple[str, ...]
    started_at: datetime
    seen_ago: timedelta
    clock_ahead: timedelta
    has_stopped: bool
    facts: HostFacts = field(default_factory=HostFacts)

    @property
    def is_alive(self) -> bool:
        return not self.has_stopped and self.seen_ago <= ALIVE_FOR

    @property
    def is_lost(self) -> bool:
        """Not seen any more, and nobody has stopped it."""
        return not self.has_stopped and self.seen_ago > ALIVE_FOR

    @property
    def has_wrong_clock(self) -> bool:
        return abs(self.clock_ahead) > MAX_CLOCK_DIFFERENCE


class _DatabaseClock(FunctionElement[float]):
    """The database's clock, in seconds of Unix."""

    type = Float()
    inherit_cache = True


@compiles(_DatabaseClock, "sqlite")  # type: ignore[no-untyped-call, untyped-decorator, unused-ignore]
def _sqlite_clock(_element: _DatabaseClock, _compiler: Any, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(_DatabaseClock, "postgresql")  # type: ignore[no-untyped-call, untyped-decorator, unused-ignore]
def _postgresql_clock(_element: _DatabaseClock, _compiler: Any, **_options: Any) -> str:
    return "extract(epoch FROM clock_timestamp())::double precision"


@asynccontextmanager
async def registered(
    database: Database,
    role: ProcessRole,
    *,
    queues: Sequence[str] = (),
    build: str | None = None,
    follow_levels: FollowLevels = lambda _wanted: None,
    facts: Callable[[], Awaitable[HostFacts]] | None = None,
) -> AsyncIterator[None]:
    """Be among the installation's processes until the block ends. A database that is away is waited for.

    `facts`: what the process sees of its host, asked for with each beat.
    """
    process_id = new_id("proc")
    row = {
        "id": process_id,
        "role": role,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "version": build or aijobs_version(),
        "queues": list(queues),
        "started_at": now(),
    }
    beating = asyncio.create_task(_beat(database, row, follow_levels, facts))
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
        with suppress(AijobsError):
            await database.write(mark_stopped, process_id)


async def _beat(
    database: Database,
    row: dict[str, Any],
    follow_levels: FollowLevels,
    facts: Callable[[], Awaitable[HostFacts]] | None,
) -> None:
    while True:
        seen = row | {"facts": (await facts()).model_dump(mode="json")} if facts else row
        try:
            await database.write(see, seen)
            follow_levels(await database.read(wanted_levels))
        except AijobsError as away:
            log.warning("process_not_seen", reason=str(away))
        await asyncio.sleep(BEAT.total_seconds())


def aijobs_version() -> str:
    """The version of the distribution that is installed."""
    try:
        return version("aijobs")
    except PackageNotFoundError:
        return "unknown"


def see(session: Session, row: dict[str, Any], *, clock: Callable[[], float] = time.time) -> None:
    """The process of this row lives. What has long gone is forgotten when a process is seen for the first time.

    `clock` is read here, and not where the work is made: it may have waited in between.
    """
    connection, at = connection_of(session), clock()
    seen = update(ProcessRow).where(col(ProcessRow.id) == row["id"])
    changed = {"facts": row["facts"]} if "facts" in row else {}
    if connection.execute(seen.values(seen_at=_DatabaseClock(), clock=at, **changed)).rowcount:
        return
    connection.execute(insert(ProcessRow).values(**row, seen_at=_DatabaseClock(), clock=at, stopped=False))
    long_ago = _DatabaseClock() - REMEMBERED_FOR.total_seconds()
    connection.execute(delete(ProcessRow).where(col(ProcessRow.seen_at) < long_ago))


def mark_stopped(session: Session, process_id: str) -> None:
    """The process ends in good order."""
    connection_of(session).execute(update(ProcessRow).where(col(ProcessRow.id) == process_id).values(stopped=True))


def known_processes(session: Session) -> list[ProcessState]:
    """Those of the last day, the last seen first."""
    rows = session.exec(
        select(ProcessRow, _DatabaseClock().label("db_clock"))
        .where(col(ProcessRow.seen_at) > _DatabaseClock() - REMEMBERED_FOR.total_seconds())
        .order_by(col(ProcessRow.seen_at).desc())
    )
    return [_state(row, database_clock) for row, database_clock in rows]


def unserved(processes: Sequence[ProcessState]) -> dict[str, ProcessState]:
    """The task queues that no living worker serves although one did within the last day, each with the last one."""
    served = {queue for process in processes if process.is_alive for queue in process.queues}
    last = {queue: process for process in reversed(processes) for queue in process.queues}
    return {queue: process for queue, process in last.items() if queue not in served}


def _state(row: ProcessRow, database_clock: float) -> ProcessState:
    return ProcessState(
        role=ProcessRole(row.role),
        host=row.host,
        pid=row.pid,
        version=row.version,
        queues=tuple(row.queues),
        started_at=row.started_at,
        seen_ago=timedelta(seconds=max(database_clock - row.seen_at, 0.0)),
        clock_ahead=timedelta(seconds=row.clock - row.seen_at),
        has_stopped=row.stopped,
        facts=HostFacts.model_validate(row.facts or {}),
    )
