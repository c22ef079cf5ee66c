"""The points ledger: double entry, in the same transaction as what it pays for."""

from datetime import date
from typing import Final

from sqlalchemy import Date, bindparam, text
from sqlmodel import Session, col, select, update

from aijobs.domain.errors import NothingHeld, PointsExhausted
from aijobs.domain.points import EntryKind
from aijobs.persistence.paging import page_of
from aijobs.persistence.tables import JobRow, PointsDayRow, PointsEntryRow, PointsLimitRow

#: In SQL that SQLite and PostgreSQL share.
NEW_DAY: Final = text(
    "INSERT INTO points_day (user_id, day, used, held) VALUES (:user_id, :day, 0, 0) ON CONFLICT DO NOTHING"
).bindparams(bindparam("day", type_=Date))


def reserve(session: Session, job: JobRow, *, limit: int) -> None:
    """Reserve the job's points on its user's day. A conditional update, so that parallel requests never overspend.

    `limit` is for users without their own limit; jobs without a price are not limited. Raises PointsExhausted.
    """
    limit = limit_of(session, job.user_id, default=limit)
    connection = session.connection()
    connection.execute(NEW_DAY, {"user_id": job.user_id, "day": job.create_date})
    taken = session.exec(
        update(PointsDayRow)
        .where(
            col(PointsDayRow.user_id) == job.user_id,
            col(PointsDayRow.day) == job.create_date,
            col(PointsDayRow.used) + job.points <= limit,
        )
        .values(used=col(PointsDayRow.used) + job.points, daily_limit=limit)
    )
    if taken.rowcount == 0 and job.points > 0:
        day = today(session, job.user_id, job.create_date)
        raise PointsExhausted(f"This costs {job.points} points; {max(limit - day.used, 0)} of {limit} are left today.")
    _enter(session, job, EntryKind.RESERVE)


def close(session: Session, job: JobRow, kind: EntryKind) -> None:
    """Write the entry that closes the job's reservation; a refund goes back to the day of the reservation."""
    _enter(session, job, kind)
    match kind:
        case EntryKind.REFUND:
            _change(session, job, used=-job.points)
        case EntryKind.HOLD:
            _change(session, job, held=job.points)


def decide(session: Session, job: JobRow, kind: EntryKind) -> None:
    """Settle or refund held points. Raises NothingHeld, also when they were decided before."""
    entries = entries_of(session, job.code)
    if [entry.kind for entry in entries] != [EntryKind.RESERVE, EntryKind.HOLD]:
        raise NothingHeld(f"No points of {job.code} are held.")
    _enter(session, job, kind)
    _change(session, job, held=-job.points, used=-job.points if kind is EntryKind.REFUND else 0)


def entries_of(session: Session, job_code: str) -> list[PointsEntryRow]:
    """A job's entries, oldest first."""
    found = session.exec(
        select(PointsEntryRow).where(col(PointsEntryRow.job_code) == job_code).order_by(col(PointsEntryRow.id))
    )
    return list(found)


def entries_page(
    session: Session, *, user_id: str | None, before: int | None, limit: int
) -> tuple[list[PointsEntryRow], bool]:
    """Up to `limit` entries, newest first, and whether there are more; of everybody where no user is named."""
    query = select(PointsEntryRow).order_by(col(PointsEntryRow.id).desc())
    if user_id is not None:
        query = query.where(col(PointsEntryRow.user_id) == user_id)
    if before is not None:
        query = query.where(col(PointsEntryRow.id) < before)
    return page_of(session, query, limit=limit)


def limit_of(session: Session, user_id: str, *, default: int) -> int:
    """The user's own daily limit, or the default."""
    own = session.get(PointsLimitRow, user_id)
    return default if own is None else own.daily_limit


def set_limit(session: Session, user_id: str, daily_limit: int) -> None:
    """Give a user a daily limit of their own."""
    session.merge(PointsLimitRow(user_id=user_id, daily_limit=daily_limit))


def today(session: Session, user_id: str, day: date) -> PointsDayRow:
    """The user's points of a day; zeros when nothing was spent."""
    found = session.exec(select(PointsDayRow).where(col(PointsDayRow.user_id) == user_id, col(PointsDayRow.day) == day))
    return found.one_or_none() or PointsDayRow(user_id=user_id, day=day)


def _enter(session: Session, job: JobRow, kind: EntryKind) -> None:
    session.add(
        PointsEntryRow(job_code=job.code, user_id=job.user_id, day=job.create_date, kind=kind, points=job.points)
    )


def _change(session: Session, job: JobRow, *, used: int = 0, held: int = 0) -> None:
    session.exec(
        update(PointsDayRow)
        .where(col(PointsDayRow.user_id) == job.user_id, col(PointsDayRow.day) == job.create_date)
        .values(used=col(PointsDayRow.used) + used, held=col(PointsDayRow.held) + held)
    )
