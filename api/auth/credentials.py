"""What a caller was let in by, and whether it is still good."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from aijobs.persistence.access.keys import valid_keys
from aijobs.persistence.access.sessions import live_sessions
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A key; for what was made with it also its end, and the one user that it is for; for a session its hash."""

    key_id: str
    user_id: str | None = None
    until: datetime | None = None
    session: str | None = None


async def valid_credentials(
    database: Database, proofs: Collection[Credentials], *, session_idle: timedelta
) -> frozenset[Credentials]:
    """Those of them that still let somebody in; however many they are, keys and sessions are asked for together."""
    at = now()
    keys = await valid_keys(database, {proof.key_id for proof in proofs})
    named = {proof.session for proof in proofs if proof.session is not None}
    sessions = await live_sessions(database, named, idle=session_idle)
    return frozenset(
        proof
        for proof in proofs
        if proof.key_id in keys
        and (proof.session is None or proof.session in sessions)
        and (proof.until is None or at < proof.until)
    )
