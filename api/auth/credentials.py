"""The credentials that a caller sends, those that it was authenticated by, and whether they are still valid."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import HTTPConnection

from aijobs.domain.errors import NotAuthenticated
from aijobs.persistence.access.key_lists import valid_keys
from aijobs.persistence.access.sessions import PERSON_PREFIX, live_sessions
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A key's id. For a token or session also its expiry and its one user; for a session its hash."""

    key_id: str
    user_id: str | None = None
    until: datetime | None = None
    session: str | None = None

    @property
    def person(self) -> str | None:
        """The name of somebody whom a proxy has signed in: there is no key behind the session."""
        is_persons = self.session is not None and self.key_id.startswith(PERSON_PREFIX)
        return self.key_id.removeprefix(PERSON_PREFIX) if is_persons else None


async def valid_credentials(
    database: Database, credentials: Collection[Credentials], *, session_idle: timedelta
) -> frozenset[Credentials]:
    """Those that are still valid. Reads all keys in one query, and all sessions in another."""
    at = now()
    keys = await valid_keys(database, {each.key_id for each in credentials})
    session_hashes = {each.session for each in credentials if each.session is not None}
    sessions = await live_sessions(database, session_hashes, idle=session_idle)
    return frozenset(
        each
        for each in credentials
        if (each.key_id in keys or each.person)
        and (each.session is None or each.session in sessions)
        and (each.until is None or at < each.until)
    )


def bearer_of(connection: HTTPConnection) -> str | None:
    """The key or token that was sent (RFC 6750, section 2.1). None without one, and for other schemes.

    Raises NotAuthenticated for an empty one, and for two: a proxy and we could each take another one for the caller's.
    """
    sent = connection.headers.getlist("Authorization")
    if len(sent) > 1:
        raise NotAuthenticated("Send the header Authorization once.")
    scheme, _, text = (sent[0] if sent else "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    if not text.strip():
        raise NotAuthenticated("Send a key: `Authorization: Bearer aijobs_…`.")
    return text.strip()
