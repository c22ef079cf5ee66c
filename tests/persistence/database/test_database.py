"""The database file: migrations, and several processes at once."""

import asyncio
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from aijobs.persistence.database import LATEST_REVISION, opened_database

OPEN_ONCE = """
import asyncio, sys
from aijobs.persistence.database import LATEST_REVISION, opened_database

async def main():
    async with opened_database(sys.argv[1]):
        pass

asyncio.run(main())
"""


async def test_processes_that_start_together_migrate_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new/aijobs.db"

    processes = [await asyncio.create_subprocess_exec(sys.executable, "-c", OPEN_ONCE, url) for _ in range(4)]

    assert [await process.wait() for process in processes] == [0, 0, 0, 0]


def is_of_sqlite(declared: object, *_: object) -> bool:
    """Some indexes are for PostgreSQL only."""
    return bool(getattr(declared, "info", {}).get("only_on") != "postgresql")


async def test_the_migrations_make_what_the_tables_declare(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/aijobs.db"
    async with opened_database(url):
        pass

    engine = create_engine(url)
    with engine.connect() as connection:
        opts = {"compare_type": True, "include_object": is_of_sqlite}
        differences = compare_metadata(MigrationContext.configure(connection, opts=opts), SQLModel.metadata)
    engine.dispose()

    assert differences == []


def test_the_newest_migration_is_known() -> None:
    assert ScriptDirectory("aijobs/persistence/migrations").get_heads() == [LATEST_REVISION]


async def test_another_database_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="mysql"):
        async with opened_database("mysql://localhost/aijobs"):
            pass
