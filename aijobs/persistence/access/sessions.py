"""Browser sessions: a random secret in a cookie, stored as a hash that is keyed with our secret."""

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_
from sqlmodel import Session, col, delete, select, update

from aijobs.domain.errors import NotAuthenticated
from aijobs.domain.values.audit import Act, ActKind, ActorKind, acts_as
from aijobs.persistence.access.batches import chunked
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.tables import BrowserSessionRow

SECRET_BYTES: Final = 32
MAX_SECRET_LENGTH: Final = 100
NAME_LENGTH: Final = 16
PERSON_PREFIX: Final = "person:"
"""In the place of a key's id: the name of somebody whom a proxy has signed in. No key has such an id."""

TOUCH_EVERY: Final = timedelta(minutes=1)
"""How often the time of the last use is written."""

_PURPOSE: Final = b"aijobs browser session 1\0"  # hashed too, so that a hash made for anything else is none here


@dataclass(frozen=True, kw_only=True)
class BrowserSession:
    """`sha256` names it; `key_id` is the key that opened it; with `user_id` it acts for that user only."""

    sha256: str
    key_id: str
    user_id: str | None
    expires_at: datetime

    @property
    def person(self) -> str | None:
        """The name of somebody whom a proxy has signed in; None for a session that a key has opened."""
        return self.key_id.removeprefix(PERSON_PREFIX) if self.key_id.startswith(PERSON_PREFIX) else None


@dataclass(frozen=True, kw_only=True)
class SessionStart:
    """From where a session is opened, and by whom: `role` is a person's."""

    role: str | None = None
    address: str | None = None
    browser: str | None = None


UNKNOWN_START: Final = SessionStart()


async def add_session(
    database: Database,
    secret: bytes,
    *,
    key_id: str,
    user_id: str | None,
    lifetime: timedelta,
    idle: timedelta,
    start: SessionStart = UNKNOWN_START,
) -> tuple[str, datetime]:
    """Create a session. Returns its secret, which is not stored, and its expiry. Deletes the expired sessions."""
    text = secrets.token_urlsafe(SECRET_BYTES)
    expires_at = now() + lifetime
    is_over = or_(col(BrowserSessionRow.expires_at) <= now(), col(BrowserSessionRow.used_at) <= now() - idle)

    def work(session: Session) -> None:
        session.exec(delete(BrowserSessionRow).where(is_over))
        row = BrowserSessionRow(
            sha256=_hash(secret, text), key_id=key_id, user_id=user_id, expires_at=expires_at, **vars(start)
        )
        session.add(row)
        after = {"key_id": key_id, "role": start.role, "expires_at": expires_at.isoformat(timespec="seconds")}
        record(session, Act(kind=ActKind.SESSION_MADE, target=session_name(row.sha256), user_id=user_id, after=after))

    await database.write(work)
    return text, expires_at


async def use_session(database: Database, secret: bytes, text: str, *, idle: timedelta) -> BrowserSession:
    """The session with this secret; notes that it is used now. Raises NotAuthenticated."""
    if len(text) > MAX_SECRET_LENGTH or not text.isascii():
        raise NotAuthenticated("This is no session of ours.")
    row = await _live_row(database, _hash(secret, text), idle)
    if now() - row.used_at > TOUCH_EVERY:
        await database.write(_touch, row.sha256)
    return _session(row)


async def live_sessions(database: Database, hashes: Iterable[str], *, idle: timedelta) -> set[str]:
    """Which of the sessions are not over. Does not count as a use of them."""
    columns = col(BrowserSessionRow.sha256), col(BrowserSessionRow.expires_at), col(BrowserSessionRow.used_at)

    def work(session: Session) -> set[str]:
        return {
            sha256
            for some in chunked(hashes)
            for sha256, expires_at, used_at in session.exec(select(*columns).where(columns[0].in_(some)))
            if now() < min(expires_at, used_at + idle)
        }

    return await database.read(work)


async def end_session(database: Database, secret: bytes, text: str) -> None:
    """End the session. Changes nothing when there is none."""

    def work(session: Session) -> None:
        row = session.get(BrowserSessionRow, _hash(secret, text), with_for_update=True)
        if row is None:
            return
        session.delete(row)
        name, before = session_name(row.sha256), {"key_id": row.key_id}
        acts_as(ActorKind.SESSION, row.key_id, key_id=row.key_id, session=name)  # who has its secret
        record(session, Act(kind=ActKind.SESSION_ENDED, target=name, user_id=row.user_id, before=before))

    await database.write(work)


def session_name(sha256: str) -> str:
    """By which the audit log names a session: enough of its hash to tell it from others, and no more."""
    return sha256[:NAME_LENGTH]


async def _live_row(database: Database, sha256: str, idle: timedelta) -> BrowserSessionRow:
    row = await database.read(_row, sha256)
    if row is None or now() >= min(row.expires_at, row.used_at + idle):
        raise NotAuthenticated("This session is over. Sign in again.")
    return row


def _row(session: Session, sha256: str) -> BrowserSessionRow | None:
    return session.get(BrowserSessionRow, sha256)


def _touch(session: Session, sha256: str) -> None:
    """Notes a use. One statement, since the session may be ended meanwhile."""
    session.exec(update(BrowserSessionRow).where(col(BrowserSessionRow.sha256) == sha256).values(used_at=now()))


def _session(row: BrowserSessionRow) -> BrowserSession:
    return BrowserSession(sha256=row.sha256, key_id=row.key_id, user_id=row.user_id, expires_at=row.expires_at)


def _hash(secret: bytes, text: str) -> str:
    """256 random bits need no slow hash."""
    return hmac.digest(secret, _PURPOSE + text.encode(), "sha256").hex()
