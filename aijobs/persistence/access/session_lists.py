"""Sessions that are open: whose, from where, and ending them from elsewhere."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from aijobs.domain.errors import NotFound
from aijobs.domain.values.audit import Act, ActKind
from aijobs.persistence.access.sessions import PERSON_PREFIX, session_name
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.tables import BrowserSessionRow


@dataclass(frozen=True, kw_only=True)
class SessionOwner:
    """Whose sessions are meant: those of a key or a person, with `user_id` only those for this end user."""

    key_id: str
    user_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class OpenSession:
    """A session as its owner may see it: opened by a key (`key_id`) or by a `person`; `name` is not its secret."""

    name: str
    sha256: str
    key_id: str | None
    person: str | None
    role: str | None
    user_id: str | None
    address: str | None
    browser: str | None
    create_time: datetime
    used_at: datetime
    expires_at: datetime


def open_sessions(
    session: Session, owner: SessionOwner | None, *, idle: timedelta, limit: int
) -> tuple[list[OpenSession], bool]:
    """Up to `limit` sessions that are not over, those used last first, and whether there are more; None: of all."""
    row = BrowserSessionRow
    at = now()
    query = select(row).where(col(row.expires_at) > at, col(row.used_at) > at - idle, *_of(owner))
    rows = session.exec(query.order_by(col(row.used_at).desc(), col(row.sha256)).limit(limit + 1)).all()
    return [_shown(one) for one in rows[:limit]], len(rows) > limit


def end_session_named(session: Session, name: str, owner: SessionOwner | None) -> None:
    """End the session of this name. Its open streams end within seconds. Raises NotFound, also for somebody else's."""
    found = session.exec(_ending(owner).where(col(BrowserSessionRow.sha256).startswith(name))).all()
    if len(found) != 1 or session_name(found[0].sha256) != name:
        raise NotFound("There is no such session.")
    _end(session, found[0])


def end_other_sessions(session: Session, owner: SessionOwner, *, kept: str | None) -> int:
    """End all sessions of the owner but the one with the hash `kept`. Returns how many."""
    ended = [row for row in session.exec(_ending(owner)) if row.sha256 != kept]
    for row in ended:
        _end(session, row)
    return len(ended)


def _ending(owner: SessionOwner | None) -> Any:
    return select(BrowserSessionRow).where(*_of(owner)).order_by(col(BrowserSessionRow.sha256)).with_for_update()


def _of(owner: SessionOwner | None) -> list[Any]:
    if owner is None:
        return []
    mine = [col(BrowserSessionRow.key_id) == owner.key_id]
    return mine if owner.user_id is None else [*mine, col(BrowserSessionRow.user_id) == owner.user_id]


def _end(session: Session, row: BrowserSessionRow) -> None:
    session.delete(row)
    act = Act(
        kind=ActKind.SESSION_ENDED,
        target=session_name(row.sha256),
        user_id=row.user_id,
        before={"key_id": row.key_id, "address": row.address},
    )
    record(session, act)


def _shown(row: BrowserSessionRow) -> OpenSession:
    person = row.key_id.removeprefix(PERSON_PREFIX) if row.key_id.startswith(PERSON_PREFIX) else None
    return OpenSession(
        name=session_name(row.sha256),
        sha256=row.sha256,
        key_id=row.key_id if person is None else None,
        person=person,
        role=row.role,
        user_id=row.user_id,
        address=row.address,
        browser=row.browser,
        create_time=row.create_time,
        used_at=row.used_at,
        expires_at=row.expires_at,
    )
