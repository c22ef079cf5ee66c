"""Checking many credentials at once."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, event
from sqlmodel import Session, select

from aijobs.persistence.access.keys import KeyKind, create_key, list_keys
from aijobs.persistence.access.sessions import add_session
from aijobs.persistence.column_types import now
from aijobs.persistence.tables import BrowserSessionRow
from api.auth.credentials import Credentials, valid_credentials
from api.dependencies import ApiDependencies


async def test_all_proofs_are_checked_together_however_many_there_are(dependencies: ApiDependencies, key: str) -> None:
    (known,) = await list_keys(dependencies.database)
    expired = await create_key(
        dependencies.database,
        dependencies.secret,
        kind=KeyKind.SERVICE,
        name="old",
        expires_at=now() - timedelta(seconds=1),
    )
    lifetime = timedelta(hours=1)
    for hours in (1, 1, -1):
        await add_session(
            dependencies.database,
            dependencies.secret,
            key_id=known.key_id,
            user_id=None,
            lifetime=hours * lifetime,
            idle=lifetime,
        )

    def work(session: Session) -> Sequence[BrowserSessionRow]:
        return session.exec(select(BrowserSessionRow).order_by("expires_at")).all()

    rows = await dependencies.database.read(work)
    over, *going_on = [Credentials(key_id=known.key_id, session=row.sha256) for row in rows]
    users = [
        Credentials(key_id=known.key_id, user_id=f"user {number}", until=now() + lifetime) for number in range(2000)
    ]
    bad = [
        over,
        Credentials(key_id=expired.split("_")[2]),
        Credentials(key_id=known.key_id, until=now()),
        *(Credentials(key_id=f"unknown {number}") for number in range(1200)),
        *(Credentials(key_id=known.key_id, session=f"unknown {number}") for number in range(1200)),
    ]
    statements: list[str] = []

    def note_statement(*said: Any) -> None:
        if "api_key" in said[2] or "browser_session" in said[2]:  # not those of the application's own tasks
            statements.append(said[2])

    event.listen(Engine, "before_cursor_execute", note_statement)

    good = await valid_credentials(dependencies.database, [*bad, *going_on, *users], session_idle=lifetime)
    event.remove(Engine, "before_cursor_execute", note_statement)

    assert good == {*going_on, *users}
    assert len(statements) == 6
