"""Checking many credentials at once."""

from datetime import timedelta

from sqlalchemy import event
from sqlmodel import select

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
    async with dependencies.database.read() as session:
        rows = (await session.exec(select(BrowserSessionRow).order_by("expires_at"))).all()
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
    event.listen(
        dependencies.database.reader.sync_engine, "before_cursor_execute", lambda *said: statements.append(said[2])
    )

    good = await valid_credentials(dependencies.database, [*bad, *going_on, *users], session_idle=lifetime)

    assert good == {*going_on, *users}
    assert len(statements) == 6
