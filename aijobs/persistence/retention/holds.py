"""Legal holds: nothing of a user, or of a job, is erased while one runs."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlmodel import Session, col, select

from aijobs.domain.errors import AlreadyHeld, NotFound
from aijobs.domain.jobs.retention import HoldKind
from aijobs.domain.values.audit import Act, ActKind
from aijobs.domain.values.ids import new_id
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.database import lock_name
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import LegalHoldRow

MOST_ENDED = 100  #: of the ended ones, so many are listed


def begin_hold(session: Session, kind: HoldKind, name: str, *, reason: str, by: str) -> LegalHoldRow:
    """Raises AlreadyHeld, and NotFound for a job that is not there, or was deleted."""
    lock_name(session, f"hold {kind} {name}")
    if kind is HoldKind.JOB:
        job_of(session, name)
    running = col(LegalHoldRow.kind) == kind, col(LegalHoldRow.name) == name, col(LegalHoldRow.ended_at).is_(None)
    if session.exec(select(LegalHoldRow).where(*running)).first() is not None:
        raise AlreadyHeld(f"There is a legal hold on the {kind} {name} already.")
    row = LegalHoldRow(code=new_id("hold"), kind=kind, name=name, reason=reason, create_by=by)
    session.add(row)
    session.flush()
    record(session, Act(kind=ActKind.HOLD_BEGUN, target=row.code, user_id=_user_of(row), after=_told(row)))
    return row


def end_hold(session: Session, code: str, *, by: str) -> LegalHoldRow:
    """A second call changes nothing. Raises NotFound."""
    row = session.exec(select(LegalHoldRow).where(col(LegalHoldRow.code) == code).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("There is no such legal hold.")
    if row.ended_at is None:
        row.ended_at, row.ended_by = now(), by
        record(session, Act(kind=ActKind.HOLD_ENDED, target=code, user_id=_user_of(row), before=_told(row)))
    return row


def running_holds(session: Session) -> list[LegalHoldRow]:
    """In the order in which they were begun."""
    running = select(LegalHoldRow).where(col(LegalHoldRow.ended_at).is_(None)).order_by(col(LegalHoldRow.id))
    return list(session.exec(running))


def ended_holds(session: Session) -> list[LegalHoldRow]:
    """The last ones, newest first."""
    ended = select(LegalHoldRow).where(col(LegalHoldRow.ended_at).is_not(None)).order_by(col(LegalHoldRow.id).desc())
    return list(session.exec(ended.limit(MOST_ENDED)))


@dataclass(frozen=True)
class KeptByHolds:
    """What is held now."""

    users: frozenset[str]
    jobs: frozenset[str]

    def keeps(self, user_id: str, *job_codes: str) -> bool:
        return user_id in self.users or not self.jobs.isdisjoint(job_codes)


def held_now(session: Session) -> KeptByHolds:
    rows = running_holds(session)
    return KeptByHolds(*(frozenset(_names(rows, kind)) for kind in (HoldKind.USER, HoldKind.JOB)))


def _names(rows: Iterable[LegalHoldRow], kind: HoldKind) -> list[str]:
    return [row.name for row in rows if row.kind == kind]


def _user_of(row: LegalHoldRow) -> str | None:
    return row.name if row.kind == HoldKind.USER else None


def _told(row: LegalHoldRow) -> dict[str, str]:
    return {"kind": row.kind, "name": row.name}
