"""A job's history, read back; and every job's, as it is written."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import RowMapping, func
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.events import EventKind, JobEvent
from persistence.database import Database
from persistence.tables import JobEventRow

AT_ONCE: Final = 500


async def events_after(session: AsyncSession, code: str, seq: int, *, at_most: int = AT_ONCE) -> list[JobEvent]:
    """A job's events with a number above `seq`, in order."""
    found = await session.exec(
        select(JobEventRow)
        .where(col(JobEventRow.job_code) == code, col(JobEventRow.seq) > seq)
        .order_by(col(JobEventRow.seq))
        .limit(at_most)
    )
    return [_job_event(row.model_dump()) for row in found]


class EventTail:
    """The events that are committed from now on, of all jobs. On SQLite, whose one writer numbers them in order."""

    def __init__(self, connection: AsyncConnection, *, last_id: int) -> None:
        self._connection = connection
        self._last_id = last_id
        self._version: int | None = None

    async def news(self) -> list[JobEvent]:
        """What has come since the last call; asking costs next to nothing while nothing was written."""
        version = (await self._connection.exec_driver_sql("PRAGMA data_version")).scalar_one()
        if version == self._version:
            return []
        rows = await self._rows()
        if len(rows) < AT_ONCE:
            self._version = version
        if rows:
            self._last_id = rows[-1]["id"]
        return [_job_event(row) for row in rows]

    async def _rows(self) -> Sequence[RowMapping]:
        table = JobEventRow.__table__  # type: ignore[attr-defined]
        newer = select(table).where(table.c.id > self._last_id).order_by(table.c.id).limit(AT_ONCE)
        rows: Sequence[RowMapping] = (await self._connection.execute(newer)).mappings().all()
        return rows


@asynccontextmanager
async def opened_tail(database: Database) -> AsyncIterator[EventTail]:
    """Begins behind the last event that is there now. Keeps a connection of its own for as long as it is open."""
    async with database.reader.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        last_id = (await connection.execute(select(func.max(JobEventRow.id)))).scalar_one()
        yield EventTail(connection, last_id=last_id or 0)


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
