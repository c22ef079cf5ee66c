"""The credentials that a caller was authenticated by, and whether they are still valid."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from aijobs.persistence.access.key_lists import valid_keys
from aijobs.persistence.access.sessions import live_sessions
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A key's id. For a token or session also its expiry and its one user; for a session its hash."""

    key_id: str
    user_id: str | None = None
    until: datetime | None = None
    session: str | None = None


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
        if each.key_id in keys
        and (each.session is None or each.session in sessions)
        and (each.until is None or at < each.until)
    )
