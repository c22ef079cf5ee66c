"""The points ledger: double entry, in the same transaction as what it pays for."""

from datetime import date
from typing import Final

from sqlalchemy import Date, String, Table, bindparam, func, insert, text, update
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from aijobs.domain.errors import NothingHeld, PointsExhausted
from aijobs.domain.jobs.events import rfc3339
from aijobs.domain.points import EntryKind, alerts_due
from aijobs.domain.values.audit import Act, ActKind
from aijobs.domain.webhooks import EventType
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import RowId, now
from aijobs.persistence.database import connection_of
from aijobs.persistence.paging import page_of
from aijobs.persistence.tables import PointsDayRow, PointsEntryRow, PointsLimitRow
from aijobs.persistence.tables.locked_jobs import AnyJob
from aijobs.persistence.webhooks.outbox import enqueue_payload

#: In SQL that SQLite and PostgreSQL share. The user's own limit is looked up by the same statement.
_TAKE: Final = text(
    "INSERT INTO points_day (user_id, day, used, held, daily_limit) "
    "SELECT mine.user_id, mine.day, mine.points, 0, mine.daily_limit FROM (SELECT :user_id AS user_id, :day AS day, "
    ":points AS points, COALESCE((SELECT points_limit.daily_limit FROM points_limit "
    "WHERE points_limit.user_id = :user_id), :daily_limit) AS daily_limit) AS mine "
    "WHERE mine.points <= mine.daily_limit ON CONFLICT (user_id, day) DO UPDATE "
    "SET used = points_day.used + excluded.used, daily_limit = excluded.daily_limit "
    "WHERE points_day.used + excluded.used <= excluded.daily_limit RETURNING used, daily_limit, alerted"
).bindparams(
    bindparam("user_id", type_=String()),
    bindparam("day", type_=Date()),
    bindparam("points", type_=RowId),
    bindparam("daily_limit", type_=RowId),
)

#: Without a limit. A day that is over its limit by this has none: the points were reserved on another.
_TAKE_AGAIN: Final = text(
    "INSERT INTO points_day (user_id, day, used, held) VALUES (:user_id, :day, :points, 0) "
    "ON CONFLICT (user_id, day) DO UPDATE SET used = points_day.used + excluded.used, daily_limit = CASE "
    "WHEN points_day.used + excluded.used <= points_day.daily_limit THEN points_day.daily_limit END"
).bindparams(bindparam("user_id", type_=String()), bindparam("day", type_=Date()), bindparam("points", type_=RowId))

_DAYS: Final[Table] = PointsDayRow.__table__  # type: ignore[attr-defined]
_LIMITS: Final[Table] = PointsLimitRow.__table__  # type: ignore[attr-defined]
_ENTRIES: Final[Table] = PointsEntryRow.__table__  # type: ignore[attr-defined]

_OWN_LIMIT: Final = select_columns(_LIMITS.c.daily_limit).where(_LIMITS.c.user_id == bindparam("of_user"))
_OF_DAY: Final = update(_DAYS).where(_DAYS.c.user_id == bindparam("of_user"), _DAYS.c.day == bindparam("of_day"))
_CHANGE: Final = _OF_DAY.values(used=_DAYS.c.used + bindparam("more_used"), held=_DAYS.c.held + bindparam("more_held"))
_ALERTED: Final = _OF_DAY.values(alerted=bindparam("reached"))
_ENTER: Final = insert(_ENTRIES).inline()


def reserve(session: Session, job: AnyJob, *, limit: int) -> None:
    """Reserve the job's points on its user's day. A conditional update, so that parallel requests never overspend.

    `limit` is for users without their own limit; jobs without a price are not limited. Raises PointsExhausted.
    """
    take(session, job.user_id, job.create_date, job.points, limit=limit)
    _enter(session, job, EntryKind.RESERVE)


def take(session: Session, user_id: str, day: date, points: int, *, limit: int) -> None:
    """Use points of a user's day, for something whose reservation is recorded by the caller. Raises PointsExhausted."""
    order = {"user_id": user_id, "day": day, "points": points, "daily_limit": limit}
    taken = connection_of(session).execute(_TAKE, order).one_or_none()
    if taken is not None and points > 0:
        _alert(session, user_id, day, *taken)
    elif taken is None and points > 0:
        limit = limit_of(session, user_id, default=limit)
        used = today(session, user_id, day).used
        raise PointsExhausted(f"This costs {points} points; {max(limit - used, 0)} of {limit} are left today.")


def give_back(session: Session, user_id: str, day: date, points: int) -> None:
    """Take back what `take` has used of a user's day."""
    _change_day(session, user_id, day, used=-points)


def reserve_again(session: Session, job: AnyJob) -> None:
    """Reserve the points of a job that were reserved before, and have just been given back: whatever the limit is."""
    connection_of(session).execute(_TAKE_AGAIN, {"user_id": job.user_id, "day": job.create_date, "points": job.points})
    _enter(session, job, EntryKind.RESERVE)


def close(session: Session, job: AnyJob, kind: EntryKind) -> None:
    """Write the entry that closes the job's reservation; a refund goes back to the day of the reservation."""
    _enter(session, job, kind)
    match kind:
        case EntryKind.REFUND:
            _change(session, job, used=-job.points)
        case EntryKind.HOLD:
            _change(session, job, held=job.points)


def decide(session: Session, job: AnyJob, kind: EntryKind) -> None:
    """Settle or refund held points. Raises NothingHeld, also when they were decided before."""
    require_held(session, job)
    _enter(session, job, kind)
    _change(session, job, held=-job.points, used=-job.points if kind is EntryKind.REFUND else 0)


def is_held(session: Session, job: AnyJob) -> bool:
    """Whether the job's points wait for a decision."""
    return [entry.kind for entry in entries_of(session, job.code)] == [EntryKind.RESERVE, EntryKind.HOLD]


def require_held(session: Session, job: AnyJob) -> None:
    """Raises NothingHeld."""
    if not is_held(session, job):
        raise NothingHeld(f"No points of {job.code} are held.")


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
    own: int | None = connection_of(session).execute(_OWN_LIMIT, {"of_user": user_id}).scalar_one_or_none()
    return default if own is None else own


def set_limit(session: Session, user_id: str, daily_limit: int) -> None:
    """Give a user a daily limit of their own."""
    own = session.get(PointsLimitRow, user_id)
    before = None if own is None else {"daily_limit": own.daily_limit}
    session.merge(PointsLimitRow(user_id=user_id, daily_limit=daily_limit))
    after = {"daily_limit": daily_limit}
    record(session, Act(kind=ActKind.POINTS_LIMIT_SET, target=user_id, user_id=user_id, before=before, after=after))


def today(session: Session, user_id: str, day: date) -> PointsDayRow:
    """The user's points of a day; zeros when nothing was spent."""
    found = session.exec(select(PointsDayRow).where(col(PointsDayRow.user_id) == user_id, col(PointsDayRow.day) == day))
    return found.one_or_none() or PointsDayRow(user_id=user_id, day=day)


def heavy_spenders(session: Session, day: date, *, percent: int, user_id: str | None) -> int:
    """How many users were told that so much of their points of a day is spent, and have not got it back since."""
    is_spent = _DAYS.c.used * 100 >= percent * _DAYS.c.daily_limit
    told = select_columns(func.count()).where(_DAYS.c.day == day, _DAYS.c.alerted >= percent, is_spent)
    if user_id is not None:
        told = told.where(_DAYS.c.user_id == user_id)
    count: int = connection_of(session).execute(told).scalar_one()
    return count


def _enter(session: Session, job: AnyJob, kind: EntryKind) -> None:
    entry = {"job_code": job.code, "user_id": job.user_id, "day": job.create_date, "kind": kind, "points": job.points}
    connection_of(session).execute(_ENTER, {**entry, "create_time": now()})


def _alert(session: Session, user_id: str, day: date, used: int, limit: int, alerted: int) -> None:
    """Tell that a part of the day's points is spent, once a day for each part: the row of the day is locked."""
    due = alerts_due(used=used, limit=limit, alerted=alerted)
    if not due:
        return
    connection_of(session).execute(_ALERTED, {"of_user": user_id, "of_day": day, "reached": due[-1]})
    spent = {"user_id": user_id, "day": day.isoformat(), "used": used, "limit": limit}
    for percent in due:
        enqueue_payload(session, EventType.ALERT, user_id, {**spent, "percent": percent, "at": rfc3339(now())})


def _change(session: Session, job: AnyJob, *, used: int = 0, held: int = 0) -> None:
    _change_day(session, job.user_id, job.create_date, used=used, held=held)


def _change_day(session: Session, user_id: str, day: date, *, used: int = 0, held: int = 0) -> None:
    more = {"more_used": used, "more_held": held}
    connection_of(session).execute(_CHANGE, {"of_user": user_id, "of_day": day, **more})
