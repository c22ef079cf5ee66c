"""Migrations since the last release only add: the version before goes on with the tables of the next."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, make_url

from aijobs.domain.errors import SchemaMismatch
from aijobs.persistence.database import LATEST_REVISION, opened_database, prepared_database
from aijobs.persistence.database.schema import MIGRATIONS
from tests.databases import POSTGRESQL, Databases
from tests.persistence.database.test_migrations import alembic, empty, run
from tests.stories.upgrades.last_release import LAST_REVISION

__all__ = ["empty"]


@dataclass(frozen=True)
class TableShape:
    """What code that knows a table relies on."""

    columns: Mapping[str, Mapping[str, Any]]
    unique: frozenset[tuple[str, ...]]
    foreign_keys: frozenset[tuple[str, ...]]
    checks: frozenset[str]


def shapes_of(url: str) -> dict[str, TableShape]:
    engine = engine_of(url)
    found = inspect(engine)
    shapes = {}
    for table in found.get_table_names():
        unique = [tuple(map(str, one["column_names"])) for one in found.get_unique_constraints(table)]
        unique += [tuple(map(str, one["column_names"])) for one in found.get_indexes(table) if one["unique"]]
        shapes[table] = TableShape(
            columns={one["name"]: dict(one) for one in found.get_columns(table)},
            unique=frozenset(unique),
            foreign_keys=frozenset(tuple(one["constrained_columns"]) for one in found.get_foreign_keys(table)),
            checks=frozenset(str(one["sqltext"]) for one in found.get_check_constraints(table)),
        )
    engine.dispose()
    return shapes


def contractions(before: Mapping[str, TableShape], after: Mapping[str, TableShape]) -> Iterator[str]:
    """What the code of before could not live with."""
    for table, old in before.items():
        if table not in after:
            yield f"{table} is gone"
            continue
        new = after[table]
        yield from (f"{table}.{name} is gone" for name in sorted(old.columns.keys() - new.columns.keys()))
        for name, column in new.columns.items():
            if name in old.columns:
                yield from _narrower(f"{table}.{name}", old.columns[name], column)
            elif not column["nullable"] and column["default"] is None:
                yield f"{table}.{name} is new, must not be null, and the server has no default for it"
        yield from (f"{table} has a new unique key {columns}" for columns in new.unique - old.unique)
        yield from (f"{table} has a new foreign key {columns}" for columns in new.foreign_keys - old.foreign_keys)
        yield from (f"{table} has a new check {check}" for check in new.checks - old.checks)


def _narrower(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old["nullable"] and not new["nullable"]:
        yield f"{name} must not be null any more"
    if type(old["type"]) is not type(new["type"]):
        yield f"{name} was {old['type']} and is {new['type']}"
    before, after = getattr(old["type"], "length", None), getattr(new["type"], "length", None)
    if after is not None and (before is None or after < before):
        yield f"{name} is shorter"


def engine_of(url: str) -> Engine:
    parsed = make_url(url)
    return create_engine(
        parsed if parsed.get_backend_name() == "sqlite" else parsed.set(drivername="postgresql+psycopg")
    )


async def test_every_migration_since_the_last_release_only_adds(empty: str) -> None:
    config = alembic(empty)
    await prepared_database(empty)
    await asyncio.to_thread(command.downgrade, config, LAST_REVISION)
    before = shapes_of(empty)
    script = ScriptDirectory(str(MIGRATIONS))
    later = [one.revision for one in reversed(list(script.walk_revisions(LAST_REVISION, "head")))][1:]
    assert later

    for revision in later:
        await asyncio.to_thread(command.upgrade, config, revision)
        after = shapes_of(empty)
        assert list(contractions(before, after)) == [], revision
        before = after


#: How a migration must not be, and what is said of it. Tables are those of write_intent and job.
CONTRACTIONS = {
    "ALTER TABLE installation DROP COLUMN create_time": "installation.create_time is gone",
    "ALTER TABLE write_intent RENAME COLUMN job_code TO code_of_job": "write_intent.job_code is gone",
    "ALTER TABLE write_intent RENAME TO intent": "write_intent is gone",
    "CREATE UNIQUE INDEX uq_one ON write_intent (job_code)": "write_intent has a new unique key ('job_code',)",
}


@pytest.mark.parametrize("statement", CONTRACTIONS)
async def test_what_takes_something_away_is_named(empty: str, statement: str) -> None:
    await prepared_database(empty)
    before = shapes_of(empty)

    run(empty, statement)

    assert CONTRACTIONS[statement] in list(contractions(before, shapes_of(empty)))


async def test_a_column_that_old_code_would_not_fill_is_named(database_kind: str, empty: str) -> None:
    await prepared_database(empty)
    before = shapes_of(empty)

    run(empty, "ALTER TABLE write_intent ADD COLUMN harmless INTEGER NOT NULL DEFAULT 0")
    assert list(contractions(before, shapes_of(empty))) == []
    if database_kind == POSTGRESQL:  # SQLite itself refuses such a column
        run(empty, "ALTER TABLE write_intent ADD COLUMN harmful INTEGER NOT NULL")
        assert "write_intent.harmful is new" in next(contractions(before, shapes_of(empty)))


async def test_this_version_goes_on_with_tables_of_the_next(empty: str) -> None:
    await prepared_database(empty)
    run(empty, "UPDATE alembic_version SET version_num = '9998'")

    assert await prepared_database(empty) == "9998"
    async with opened_database(empty) as database:
        await database.probe()


async def test_tables_that_have_lost_something_it_needs_are_refused(empty: str) -> None:
    await prepared_database(empty)
    run(empty, "UPDATE alembic_version SET version_num = '9998'")
    run(empty, "UPDATE schema_support SET oldest_code = '9997'")

    with pytest.raises(SchemaMismatch, match="knows none after"):
        await prepared_database(empty)
    with pytest.raises(SchemaMismatch, match=r"docs/upgrades\.md"):
        async with opened_database(empty):
            pass


async def test_the_database_says_which_code_may_use_it(empty: str, databases: Databases) -> None:
    await prepared_database(empty)
    engine = engine_of(empty)
    with engine.connect() as connection:
        (oldest,) = connection.exec_driver_sql("SELECT oldest_code FROM schema_support").one()
    engine.dispose()

    assert LAST_REVISION < oldest <= LATEST_REVISION
