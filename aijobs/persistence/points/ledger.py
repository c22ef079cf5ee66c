"""The points ledger: double entry, in the same transaction as what it pays for."""

from datetime import date
from typing import Final

from sqlalchemy import Date, bindparam, text
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from aijobs.domain.errors import NothingHeld, PointsExhausted
from aijobs.domain.points import EntryKind
from aijobs.persistence.paging import page_of
from aijobs.persistence.tables import JobRow, PointsDayRow, PointsEntryRow, PointsLimitRow

#: In SQL that SQLite and PostgreSQL share.
NEW_DAY: Final = text(
    "INSERT INTO points_day (user_id, day, used, held) VALUES (:user_id, :day, 0, 0) ON CONFLICT DO NOTHING"
).bindparams(bindparam("day", type_=Date))


async def reserve(session: AsyncSession, job: JobRow, *, limit: int) -> None:
    """Reserve the job's points on its user's day. A conditional update, so that parallel requests never overspend.

    `limit` is for users without their own limit; jobs without a price are not limited. Raises PointsExhausted.
    """
    limit = await limit_of(session, job.user_id, default=limit)
    connection = await session.connection()
    await connection.execute(NEW_DAY, {"user_id": job.user_id, "day": job.create_date})
    taken = await session.exec(
        update(PointsDayRow)
        .where(
            col(PointsDayRow.user_id) == job.user_id,
            col(PointsDayRow.day) == job.create_date,
            col(PointsDayRow.used) + job.points <= limit,
        )
        .values(used=col(PointsDayRow.used) + job.points, daily_limit=limit)
    )
    if taken.rowcount == 0 and job.points > 0:
        day = await today(session, job.user_id, job.create_date)
        raise PointsExhausted(f"This costs {job.points} points; {max(limit - day.used, 0)} of {limit} are left today.")
    _enter(session, job, EntryKind.RESERVE)


async def close(session: AsyncSession, job: JobRow, kind: EntryKind) -> None:
    """Write the entry that closes the job's reservation; a refund goes back to the day of the reservation."""
    _enter(session, job, kind)
    match kind:
        case EntryKind.REFUND:
            await _change(session, job, used=-job.points)
        case EntryKind.HOLD:
            await _change(session, job, held=job.points)


async def decide(session: AsyncSession, job: JobRow, kind: EntryKind) -> None:
    """Settle or refund held points. Raises NothingHeld, also when they were decided before."""
    entries = await entries_of(session, job.code)
    if [entry.kind for entry in entries] != [EntryKind.RESERVE, EntryKind.HOLD]:
        raise NothingHeld(f"No points of {job.code} are held.")
    _enter(session, job, kind)
    await _change(session, job, held=-job.points, used=-job.points if kind is EntryKind.REFUND else 0)


async def entries_of(session: AsyncSession, job_code: str) -> list[PointsEntryRow]:
    """A job's entries, oldest first."""
    found = await session.exec(
        select(PointsEntryRow).where(col(PointsEntryRow.job_code) == job_code).order_by(col(PointsEntryRow.id))
    )
    return list(found)


async def entries_page(
    session: AsyncSession, *, user_id: str | None, before: int | None, limit: int
) -> tuple[list[PointsEntryRow], bool]:
    """Up to `limit` entries, newest first, and whether there are more; of everybody where no user is named."""
    query = select(PointsEntryRow).order_by(col(PointsEntryRow.id).desc())
    if user_id is not None:
        query = query.where(col(PointsEntryRow.user_id) == user_id)
    if before is not None:
        query = query.where(col(PointsEntryRow.id) < before)
    return await page_of(session, query, limit=limit)


async def limit_of(session: AsyncSession, user_id: str, *, default: int) -> int:
    """The user's own daily limit, or the default."""
    own = await session.get(PointsLimitRow, user_id)
    return default if own is None else own.daily_limit


async def today(session: AsyncSession, user_id: str, day: date) -> PointsDayRow:
    """The user's points of a day; zeros when nothing was spent."""
    found = await session.exec(
        select(PointsDayRow).where(col(PointsDayRow.user_id) == user_id, col(PointsDayRow.day) == day)
    )
    return found.one_or_none() or PointsDayRow(user_id=user_id, day=day)


def _enter(session: AsyncSession, job: JobRow, kind: EntryKind) -> None:
    session.add(
        PointsEntryRow(job_code=job.code, user_id=job.user_id, day=job.create_date, kind=kind, points=job.points)
    )


async def _change(session: AsyncSession, job: JobRow, *, used: int = 0, held: int = 0) -> None:
    await session.exec(
        update(PointsDayRow)
        .where(col(PointsDayRow.user_id) == job.user_id, col(PointsDayRow.day) == job.create_date)
        .values(used=col(PointsDayRow.used) + used, held=col(PointsDayRow.held) + held)
    )
