"""Users' own lifetimes, and how far the walks along jobs and uploads have come."""

from datetime import timedelta

from sqlmodel import Session, col, delete, select

from aijobs.domain.jobs.retention import Lifetimes
from aijobs.domain.values.audit import Act, ActKind
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.tables import RetentionPositionRow, RetentionRuleRow


def users_lifetimes(session: Session) -> dict[str, Lifetimes]:
    """Of all users that have their own."""
    return {row.user_id: _lifetimes(row) for row in session.exec(select(RetentionRuleRow))}


def lifetimes_of(session: Session, user_id: str) -> Lifetimes:
    """A user's own; nothing where everybody's hold."""
    row = session.get(RetentionRuleRow, user_id)
    return Lifetimes() if row is None else _lifetimes(row)


def set_lifetimes(session: Session, user_id: str, lifetimes: Lifetimes, *, by: str) -> None:
    """Replaces what was said before. Nothing said means that everybody's hold again."""
    before, stored = lifetimes_of(session, user_id), _stored(lifetimes)
    session.exec(delete(RetentionRuleRow).where(col(RetentionRuleRow.user_id) == user_id))
    if stored:
        session.add(RetentionRuleRow(user_id=user_id, lifetimes=stored, update_by=by))
    act = Act(kind=ActKind.RETENTION_SET, target=user_id, user_id=user_id, before=_stored(before), after=stored)
    record(session, act)


def walk_position(session: Session, name: str, *, every: timedelta) -> int | None:
    """Where a walk goes on; 0 when a new one is due, and None when it is not yet."""
    row = session.get(RetentionPositionRow, name)
    if row is None or row.ended_at is None:
        return row.position if row else 0
    return 0 if now() - row.begun_at >= every else None


def note_position(session: Session, name: str, position: int | None, *, begins: bool) -> None:
    """`position`: None at the end of the walk."""
    row = session.get(RetentionPositionRow, name, with_for_update=True) or RetentionPositionRow(name=name)
    if begins:
        row.begun_at = now()
    row.position, row.ended_at = position or 0, now() if position is None else None
    session.add(row)


def _lifetimes(row: RetentionRuleRow) -> Lifetimes:
    return Lifetimes.model_validate(
        {
            kept: timedelta(seconds=said) if isinstance(said, int | float) else said
            for kept, said in row.lifetimes.items()
        }
    )


def _stored(lifetimes: Lifetimes) -> dict[str, float | str]:
    said = {kept: lifetime for kept, lifetime in lifetimes if lifetime is not None}
    return {kept: one.total_seconds() if isinstance(one, timedelta) else one for kept, one in said.items()}
