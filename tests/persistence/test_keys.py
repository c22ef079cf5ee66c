"""Keys: told once, known by their hash; and the first one, which an installation makes for itself, with its id."""

import asyncio
from pathlib import Path

import pytest
from sqlmodel import Session, select

from aijobs.domain.errors import NotAuthenticated, NotFound
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.first_key import KEY_FILE, ensure_first_key
from aijobs.persistence.access.installation import installation_id, known_installation_id
from aijobs.persistence.access.keys import KeyKind, create_key, key_of, list_keys, revoke_key
from aijobs.persistence.database import Database
from aijobs.persistence.tables import ApiKeyRow

SECRET = b"a secret only for these tests"


async def test_a_key_is_known_again_and_only_its_hash_is_kept(database: Database) -> None:
    text = await create_key(database, SECRET, kind=KeyKind.USER, name="ada's", user_id="ada", scopes=[Scope.JOBS_READ])
    key = await key_of(database, SECRET, text)

    assert text.startswith(f"aijobs_user_{key.key_id}_")
    assert (key.user_id, key.scopes) == ("ada", frozenset({Scope.JOBS_READ}))

    def work(session: Session) -> ApiKeyRow:
        (row,) = session.exec(select(ApiKeyRow))
        return row

    row = await database.read(work)
    assert text not in str(row.model_dump())
    with pytest.raises(NotAuthenticated):
        await key_of(database, b"another secret", text)


async def test_a_users_key_needs_a_user(database: Database) -> None:
    with pytest.raises(ValueError, match="user"):
        await create_key(database, SECRET, kind=KeyKind.USER, name="nobody's")


async def test_a_key_can_be_revoked_but_not_one_that_there_is_not(database: Database) -> None:
    text = await create_key(database, SECRET, kind=KeyKind.SERVICE, name="backend")
    (key,) = await list_keys(database)
    await revoke_key(database, key.key_id)

    (revoked,) = await list_keys(database)
    assert revoked.revoked_at is not None
    with pytest.raises(NotAuthenticated):
        await key_of(database, SECRET, text)
    with pytest.raises(NotFound):
        await revoke_key(database, "nothing")


async def test_the_first_key_is_the_same_for_all_who_start_at_once(database: Database, tmp_path: Path) -> None:
    made = await asyncio.gather(*(ensure_first_key(database, SECRET, tmp_path) for _ in range(5)))

    file = tmp_path / KEY_FILE
    assert set(made) == {file.read_text().strip()}
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(KEY_FILE)] == [KEY_FILE]
    assert (await key_of(database, SECRET, made[0])).kind is KeyKind.SERVICE
    assert len(await list_keys(database)) == 1


async def test_the_first_key_survives_a_lost_database_and_stays_revoked(database: Database, tmp_path: Path) -> None:
    text = f"aijobs_service_{'0' * 16}_{'x' * 43}"
    (tmp_path / KEY_FILE).write_text(text)

    assert await ensure_first_key(database, SECRET, tmp_path) == text
    await revoke_key(database, "0" * 16)
    assert await ensure_first_key(database, SECRET, tmp_path) == text
    with pytest.raises(NotAuthenticated):
        await key_of(database, SECRET, text)


async def test_many_that_start_at_once_are_one_installation(database: Database) -> None:
    assert await database.read(known_installation_id) is None

    ids = await asyncio.gather(*(database.write(installation_id) for _ in range(20)))

    assert len(set(ids)) == 1
    assert ids[0].startswith("inst_")
    assert await database.read(known_installation_id) == ids[0]
