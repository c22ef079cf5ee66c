"""What the doctor says of a PostgreSQL database."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from aijobs.persistence.database import LATEST_REVISION, prepared_database
from tests.cli.command import aijobs_process
from tests.databases import POSTGRESQL, Databases
from tests.persistence.database.postgresql_server import PostgresqlServer, free_port

PASSWORD = "not to be shown"


@pytest.fixture
def named(databases: Databases, tmp_path: Path) -> Iterator[tuple[PostgresqlServer, str]]:
    """A prepared database's server and name."""
    url = databases.url(tmp_path, POSTGRESQL)
    yield databases.server, url.rsplit("/", 1)[-1]
    databases.drop_below(tmp_path)


async def findings(folder: Path, url: str) -> list[dict[str, Any]]:
    """What it finds of the database, with a password in its address."""
    with_password = url.replace("postgres@", f"postgres:{PASSWORD.replace(' ', '%20')}@")
    result = await aijobs_process("doctor", "--json", folder=folder, AIJOBS_DATABASE_URL=with_password)
    assert PASSWORD not in result.out + result.err
    assert "Traceback" not in result.err
    return [finding for finding in result.document["findings"] if finding["part"] == "Database"]


async def test_a_database_in_order(named: tuple[PostgresqlServer, str], tmp_path: Path) -> None:
    server, name = named

    found = await findings(tmp_path, server.url(name))

    assert found[0]["health"] == "ok"
    assert found[0]["told"].endswith(f"at revision {LATEST_REVISION}")
    assert [finding["told"] for finding in found[1:]] == [
        "A power cut may lose what was acknowledged: fsync or synchronous_commit is off."  # as the tests' server is set
    ]


async def test_a_server_that_does_not_answer_and_a_database_that_is_not_there(
    named: tuple[PostgresqlServer, str], tmp_path: Path
) -> None:
    nobody, missing = await asyncio.gather(
        findings(tmp_path, f"postgresql://postgres@127.0.0.1:{free_port()}/aijobs"),
        findings(tmp_path, named[0].url("none")),
    )

    assert [finding["health"] for finding in nobody + missing] == ["broken", "broken"]
    assert "cannot be reached" in nobody[0]["told"]
    assert "does not exist" in missing[0]["told"]
    assert all(finding["mend"] for finding in nobody + missing)


async def test_a_database_without_tables_waits_for_init(named: tuple[PostgresqlServer, str], tmp_path: Path) -> None:
    server, _ = named
    empty = server.create_database()

    found = await findings(tmp_path, server.url(empty))
    server.drop_database(empty)

    assert [finding["health"] for finding in found] == ["broken"]
    assert "`aijobs init` makes them" in found[0]["told"]


async def test_a_restore_without_triggers_is_found_and_mended(
    named: tuple[PostgresqlServer, str], tmp_path: Path
) -> None:
    server, name = named
    server.execute(sql.SQL("ALTER TABLE job_event DISABLE TRIGGER job_event_number"), name)

    found = await findings(tmp_path, server.url(name))
    assert any("Events lack positions" in finding["told"] for finding in found)

    await prepared_database(server.url(name))
    found = await findings(tmp_path, server.url(name))
    assert not any("Events lack positions" in finding["told"] for finding in found)
