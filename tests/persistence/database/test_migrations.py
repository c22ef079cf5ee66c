"""Migrations on SQLite and PostgreSQL: up and down, by many at once, and beside those who use the tables."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import create_engine, make_url, text

from aijobs.domain.errors import SchemaMismatch
from aijobs.persistence.database import LATEST_REVISION, opened_database, prepared_database
from aijobs.persistence.database.schema import MIGRATIONS
from tests.databases import POSTGRESQL, Databases
from tests.persistence.database.postgresql_server import PostgresqlServer

PROCESSES: Final = 10
TIMEOUT: Final = 60.0
LOCK_HELD: Final = 7.0
"""Seconds: longer than a migration waits for a lock."""

PREPARE: Final = """
import asyncio, sys
from aijobs.persistence.database import prepared_database
print(asyncio.run(prepared_database(sys.argv[1])))
"""


@pytest.fixture
def empty(database_kind: str, databases: Databases, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that does not exist."""
    if database_kind != POSTGRESQL:
        yield f"sqlite:///{tmp_path}/new/aijobs.db"
        return
    name = tmp_path.name
    yield databases.server.url(name)
    databases.server.drop_database(name)


def alembic(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = make_url(url)
    return config


def run(url: str, statement: str) -> None:
    parsed = make_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    engine = create_engine(parsed if is_sqlite else parsed.set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_revisions_are_numbers_that_grow_and_the_newest_is_known() -> None:
    revisions = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]

    assert revisions == sorted(revisions, reverse=True)
    assert revisions[0] == LATEST_REVISION
    assert all(len(revision) == len(LATEST_REVISION) for revision in revisions)


async def test_the_migrations_make_what_the_tables_declare_and_can_go_back(empty: str) -> None:
    assert await prepared_database(empty) is None
    config = alembic(empty)

    await asyncio.to_thread(command.check, config)
    await asyncio.to_thread(command.downgrade, config, "base")
    assert await prepared_database(empty) is None
    await asyncio.to_thread(command.check, config)
    assert await prepared_database(empty) == LATEST_REVISION


async def test_of_many_processes_that_start_at_once_one_migrates(databases: Databases, tmp_path: Path) -> None:
    server, name = databases.server, tmp_path.name
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PREPARE, server.url(name)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(PROCESSES)
    ]

    answers = await asyncio.gather(*(process.communicate() for process in processes))

    assert [process.returncode for process in processes] == [0] * PROCESSES, answers
    before = sorted(out.decode().strip() for out, _ in answers)
    assert before == [LATEST_REVISION] * (PROCESSES - 1) + ["None"]
    server.drop_database(name)


async def test_a_database_of_a_newer_version_is_refused(empty: str) -> None:
    await prepared_database(empty)
    run(empty, "UPDATE alembic_version SET version_num = '9999'")
    run(empty, "UPDATE schema_support SET oldest_code = '9998'")

    with pytest.raises(SchemaMismatch, match="9999"):
        await prepared_database(empty)
    with pytest.raises(SchemaMismatch, match="9999"):
        async with opened_database(empty):
            pass


async def test_an_older_database_is_migrated_at_start_on_sqlite_alone(empty: str, database_kind: str) -> None:
    await prepared_database(empty)
    await asyncio.to_thread(command.downgrade, alembic(empty), "0007")

    if database_kind != POSTGRESQL:
        async with opened_database(empty):
            pass
        return
    with pytest.raises(SchemaMismatch, match="`aijobs init` brings it up to date"):
        async with opened_database(empty):
            pass
    assert await prepared_database(empty) == "0007"
    async with opened_database(empty):
        pass


@pytest.fixture
def older(databases: Databases, tmp_path: Path) -> Iterator[tuple[PostgresqlServer, str]]:
    """A PostgreSQL database of an older version, with events, and its name."""
    server, name = databases.server, tmp_path.name
    asyncio.run(prepared_database(server.url(name)))
    command.downgrade(alembic(server.url(name)), "0007")
    server.execute(sql.SQL(JOB.format()), name)
    for number in range(1, 6):
        server.execute(sql.SQL(EVENT).format(number), name)
    yield server, name
    server.drop_database(name)


JOB: Final = """
INSERT INTO job (status, del, sort, create_time, update_time, version, code, user_id, channel, platform, model,
    model_id, model_name, model_version, asyn, output_count, create_date, job_status, overall_progress, event_seq,
    points, metadata, params)
VALUES (1, false, 0, now(), now(), 1, 'job_1', 'ada', '', '', '', '', '', '', true, 1, current_date, 0, 0, 0,
    0, '{{}}', '{{}}')
"""

EVENT: Final = """
INSERT INTO job_event (job_code, user_id, seq, at, kind, job_status, overall_progress, detail)
VALUES ('job_1', 'ada', {}, now(), 'note', 0, 0, '{{}}')
"""


def test_events_of_before_get_their_positions_in_order(older: tuple[PostgresqlServer, str]) -> None:
    server, name = older

    asyncio.run(prepared_database(server.url(name)))
    server.execute(sql.SQL(EVENT).format(6), name)

    found = server.execute(sql.SQL("SELECT seq FROM job_event ORDER BY position"), name)
    assert [seq for (seq,) in found] == [1, 2, 3, 4, 5, 6]
    assert not server.execute(sql.SQL("SELECT 1 FROM job_event WHERE position IS NULL"), name)


def test_a_migration_waits_for_a_long_transaction_and_does_not_stop_the_others(
    older: tuple[PostgresqlServer, str],
) -> None:
    """It gives up its place in the queue for the table again and again, and those behind it get their turn."""
    server, name = older
    migrating = threading.Thread(target=lambda: asyncio.run(prepared_database(server.url(name))))
    waits = []

    with psycopg.connect(server.url(name)) as reader:
        reader.execute("SELECT count(*) FROM job_event")
        migrating.start()
        ends_at = time.monotonic() + LOCK_HELD
        while time.monotonic() < ends_at:
            begun = time.monotonic()
            server.execute(sql.SQL("SELECT count(*) FROM job_event"), name)
            waits.append(time.monotonic() - begun)
            time.sleep(0.2)
        assert migrating.is_alive()
    migrating.join(TIMEOUT)

    assert not migrating.is_alive()
    assert max(waits) < LOCK_HELD
    assert server.execute(sql.SQL("SELECT version_num FROM alembic_version"), name) == [(LATEST_REVISION,)]


def test_writers_go_on_while_indexes_are_built(older: tuple[PostgresqlServer, str]) -> None:
    server, name = older
    over, longest = threading.Event(), 0.0

    def write() -> None:
        nonlocal longest
        with psycopg.connect(server.url(name), autocommit=True) as connection:
            number = 100
            while not over.is_set():
                number += 1
                begun = time.monotonic()
                connection.execute(sql.SQL(EVENT).format(number))
                longest = max(longest, time.monotonic() - begun)

    writing = threading.Thread(target=write)
    writing.start()
    asyncio.run(prepared_database(server.url(name)))
    over.set()
    writing.join(TIMEOUT)

    assert 0 < longest < 5
    assert not server.execute(sql.SQL("SELECT 1 FROM job_event WHERE position IS NULL"), name)
    assert not server.execute(sql.SQL("SELECT 1 FROM pg_index WHERE NOT indisvalid"), name)
