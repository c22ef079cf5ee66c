"""The points ledger: double entry, in the same transaction as what it pays for."""

from datetime import date
from typing import Final

from sqlalchemy import Date, bindparam, text
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.errors import PointsExhausted
from domain.points import EntryKind, closing_entry
from persistence.tables import JobRow, PointsDayRow, PointsEntryRow

#: In the words that SQLite and PostgreSQL share.
NEW_DAY: Final = text(
    "INSERT INTO points_day (user_id, day, used, held) VALUES (:user_id, :day, 0, 0) ON CONFLICT DO NOTHING"
).bindparams(bindparam("day", type_=Date))


async def reserve(session: AsyncSession, job: JobRow, *, limit: int) -> None:
    """Take the job's points from its user's day. A conditional update, so that parallel requests never overspend.

    Raises PointsExhausted.
    """
    connection = await session.connection()
    await connection.execute(NEW_DAY, {"user_id": job.user_id, "day": job.create_date})
    taken = await session.exec(
        update(PointsDayRow)
        .where(
            col(PointsDayRow.user_id) == job.user_id,
            col(PointsDayRow.day) == job.create_date,
            col(PointsDayRow.used) + job.points <= limit,
        )
        .values(used=col(PointsDayRow.used) + job.points)
    )
    if taken.rowcount == 0:
        day = await today(session, job.user_id, job.create_date)
        raise PointsExhausted(f"This costs {job.points} points; {max(limit - day.used, 0)} of {limit} are left today.")
    _enter(session, job, EntryKind.RESERVE)


async def close_reservation(session: AsyncSession, job: JobRow, *, provider_may_charge: bool) -> None:
    """The one closing entry that goes with the job's final status; a refund goes back to the day that paid."""
    kind = closing_entry(job.job_status, provider_may_charge=provider_may_charge)
    _enter(session, job, kind)
    if kind is EntryKind.SETTLE:
        return
    column = "used" if kind is EntryKind.REFUND else "held"
    change = -job.points if kind is EntryKind.REFUND else job.points
    await session.exec(
        update(PointsDayRow)
        .where(col(PointsDayRow.user_id) == job.user_id, col(PointsDayRow.day) == job.create_date)
        .values({column: getattr(PointsDayRow, column) + change})
    )


def _enter(session: AsyncSession, job: JobRow, kind: EntryKind) -> None:
    session.add(
        PointsEntryRow(job_code=job.code, user_id=job.user_id, day=job.create_date, kind=kind, points=job.points)
    )


async def today(session: AsyncSession, user_id: str, day: date) -> PointsDayRow:
    """The user's points of a day; zeros when nothing was spent."""
    found = await session.exec(
        select(PointsDayRow).where(col(PointsDayRow.user_id) == user_id, col(PointsDayRow.day) == day)
    )
    return found.one_or_none() or PointsDayRow(user_id=user_id, day=day)
