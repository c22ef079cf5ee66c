"""A file of SQLite is copied before it is migrated, and is as it was when that fails."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from alembic import command
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from aijobs.persistence.database import LATEST_REVISION, opened_database, prepared_database
from aijobs.persistence.database.schema import COPIES_KEPT, MIGRATIONS, copy_before, upgrade_file
from aijobs.persistence.database.sqlite import damage, revision
from tests.persistence.database.test_migrations import alembic
from tests.stories.upgrades.last_release import LAST_REVISION

FIRST_AFTER: Final = f"{int(LAST_REVISION) + 1:04}"

AND_THEN: Final = """
def upgrade(earlier_part=upgrade) -> None:
    earlier_part()"""
COMMITS: Final = "with op.get_context().autocommit_block(): op.execute('DELETE FROM points_day')"
FAILS: Final = "raise RuntimeError('in the middle')"


@pytest.fixture
async def older(tmp_path: Path) -> Path:
    """A file of the last release."""
    database = tmp_path / "aijobs.db"
    await prepared_database(url_of(database))
    command.downgrade(alembic(url_of(database)), LAST_REVISION)
    return database


def url_of(database: Path) -> str:
    return f"sqlite:///{database}"


def columns_of(database: Path, table: str) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


async def test_it_is_kept_as_it_was(older: Path) -> None:
    assert await prepared_database(url_of(older)) == LAST_REVISION

    copy = copy_before(older, LAST_REVISION)
    assert revision(make_url(url_of(copy))) == LAST_REVISION
    assert revision(make_url(url_of(older))) == LATEST_REVISION
    assert damage(copy) is None
    assert copy.stat().st_mode & 0o077 == 0


async def test_a_new_file_and_one_that_is_up_to_date_are_not_copied(tmp_path: Path) -> None:
    for _ in range(2):
        async with opened_database(url_of(tmp_path / "aijobs.db")):
            pass

    assert list(tmp_path.glob("*.at-*")) == []


async def test_a_migration_that_fails_leaves_it_as_it_was(older: Path) -> None:
    with closing(sqlite3.connect(older)) as connection, connection:
        connection.execute("CREATE TABLE schema_support (in_the_way TEXT)")  # that a later migration makes
    before = columns_of(older, "submission")

    with pytest.raises(OperationalError, match="already exists"):
        upgrade_file(make_url(url_of(older)))

    assert revision(make_url(url_of(older))) == LAST_REVISION
    assert columns_of(older, "submission") == before
    assert damage(older) is None
    assert list(older.parent.glob("*.at-*")) == [copy_before(older, LAST_REVISION)]


@pytest.mark.parametrize("fails_in", [FIRST_AFTER, LATEST_REVISION])
async def test_half_of_one_that_was_committed_before_it_failed_is_undone(
    older: Path, tmp_path: Path, fails_in: str
) -> None:
    with closing(sqlite3.connect(older)) as connection, connection:
        connection.execute("INSERT INTO points_day (user_id, day, used, held) VALUES ('ada', '2026-11-29', 7, 0)")
    before = content_of(older)
    migrations = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    add_to_the_end(migrations, FIRST_AFTER, COMMITS)
    add_to_the_end(migrations, fails_in, FAILS)

    with pytest.raises(RuntimeError, match="in the middle"):
        upgrade_file(make_url(url_of(older)), migrations=migrations)

    assert content_of(older) == before
    assert damage(older) is None
    assert await prepared_database(url_of(older)) == LAST_REVISION
    assert revision(make_url(url_of(older))) == LATEST_REVISION
    assert "'ada','2026-11-29',7,0" in content_of(older)


def add_to_the_end(migrations: Path, of_revision: str, code: str) -> None:
    (script,) = (migrations / "versions").glob(f"{of_revision}_*.py")
    script.write_text(f"{script.read_text('utf-8')}\n{AND_THEN}\n    {code}\n", "utf-8")


def content_of(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        return "\n".join(connection.iterdump())


async def test_old_copies_do_not_pile_up(older: Path) -> None:
    for number in ("0003", "0007", "0011"):
        copy_before(older, number).touch()

    await prepared_database(url_of(older))

    kept = sorted(path.name for path in older.parent.glob("*.at-*"))
    assert kept == ["aijobs.db.at-0011", f"aijobs.db.at-{LAST_REVISION}"]
    assert len(kept) == COPIES_KEPT
