"""What a caller was let in by, and whether it is still good."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.errors import NotAuthenticated
from persistence.columns import now
from persistence.database import Database
from persistence.keys import key_by_id
from persistence.sessions import session_by_hash


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A key; for a token, a ticket or a session also its end; for a session its hash."""

    key_id: str
    until: datetime | None = None
    session: str | None = None


async def still_good(database: Database, proof: Proof, *, session_idle: timedelta) -> bool:
    try:
        await key_by_id(database, proof.key_id)
        if proof.session is not None:
            await session_by_hash(database, proof.session, idle=session_idle)
    except NotAuthenticated:
        return False
    return proof.until is None or now() < proof.until
