"""Points that a batch has reserved as a whole: they count as used on their day, until its items take them over."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from sqlalchemy import Table, bindparam, delete, func, insert, update
from sqlmodel import Session, col, select

from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.points import ledger
from aijobs.persistence.tables import BatchPointsRow

_RESERVED: Final[Table] = BatchPointsRow.__table__  # type: ignore[attr-defined]
_LESS: Final = (
    update(_RESERVED)
    .where(
        _RESERVED.c.batch_id == bindparam("of_batch"),
        _RESERVED.c.user_id == bindparam("of_user"),
        _RESERVED.c.day == bindparam("of_day"),
    )
    .values(points=_RESERVED.c.points - bindparam("less"))
)


def reserve_whole(session: Session, batch_id: int, points_of: Mapping[str, int], *, daily_limit: int) -> None:
    """Reserve points of each user, on today's limit. Raises PointsExhausted, and then nothing is reserved."""
    today = now().date()
    for user_id in sorted(points_of):  # in one order, so that two batches never wait for each other
        points = points_of[user_id]
        if points > 0:
            ledger.take(session, user_id, today, points, limit=daily_limit)
            _add(session, batch_id, user_id, today, points)


def hand_over(session: Session, batch_id: int, user_id: str, points: int) -> None:
    """Give back what was reserved for one item, the oldest first: its job reserves its own in this transaction."""
    left = points
    for row in _rows(session, batch_id, user_id):
        part = min(left, row.points)
        if part > 0:
            _give_back(session, row, part)
            left -= part


def give_back(session: Session, batch_id: int, *, items_of: Mapping[str, int] | None = None, price: int = 0) -> None:
    """Give back everything, or what is reserved for so many items of each user."""
    if items_of is not None:
        for user_id, count in sorted(items_of.items()):
            hand_over(session, batch_id, user_id, count * price)
        return
    for row in _rows(session, batch_id):
        _give_back(session, row, row.points)


def reserved(session: Session, batch_id: int) -> int:
    """The points that are still reserved."""
    total = session.exec(select(func.sum(BatchPointsRow.points)).where(col(BatchPointsRow.batch_id) == batch_id))
    return int(total.one() or 0)


def forget(session: Session, batch_id: int) -> None:
    """Delete the rows of a batch that has nothing reserved any more."""
    connection_of(session).execute(delete(_RESERVED).where(_RESERVED.c.batch_id == batch_id))


def _rows(session: Session, batch_id: int, user_id: str | None = None) -> list[BatchPointsRow]:
    query = select(BatchPointsRow).where(col(BatchPointsRow.batch_id) == batch_id, col(BatchPointsRow.points) > 0)
    if user_id is not None:
        query = query.where(col(BatchPointsRow.user_id) == user_id)
    ordered = query.order_by(col(BatchPointsRow.user_id), col(BatchPointsRow.day))
    return list(session.exec(ordered.execution_options(populate_existing=True)))


def _add(session: Session, batch_id: int, user_id: str, day: date, points: int) -> None:
    key = {"of_batch": batch_id, "of_user": user_id, "of_day": day}
    if connection_of(session).execute(_LESS, {**key, "less": -points}).rowcount == 0:
        row = {"batch_id": batch_id, "user_id": user_id, "day": day, "points": points}
        connection_of(session).execute(insert(_RESERVED), row)


def _give_back(session: Session, row: BatchPointsRow, points: int) -> None:
    key = {"of_batch": row.batch_id, "of_user": row.user_id, "of_day": row.day}
    connection_of(session).execute(_LESS, {**key, "less": points})
    ledger.give_back(session, row.user_id, row.day, points)
