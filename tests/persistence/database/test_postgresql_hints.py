"""Hints that something was committed: they come at once, seldom enough, and nothing depends on them."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import sql

from aijobs.persistence.database import Database, opened_database
from aijobs.persistence.database.postgresql_hints import CHANNEL, PAUSE
from tests.databases import POSTGRESQL, Databases
from tests.persistence.database.calls import add

LONG: Final = 20.0
WRITES: Final = 200


@pytest.fixture
def url(databases: Databases, tmp_path: Path) -> str:
    return databases.url(tmp_path, POSTGRESQL)


@pytest.fixture
async def database(url: str, databases: Databases, tmp_path: Path) -> AsyncIterator[Database]:
    async with opened_database(url) as database:
        yield database
    databases.drop_below(tmp_path)


async def test_who_waits_is_woken_by_the_commit_of_another_process(database: Database, url: str) -> None:
    async with opened_database(url) as other, other.opened_listener() as listener:
        await listener.wait(1)  # until it listens
        waiting = asyncio.create_task(listener.wait(LONG))
        begun = time.monotonic()

        await database.write(add, "one")
        await waiting

    assert time.monotonic() - begun < LONG / 4


async def test_a_process_sends_no_more_than_one_in_a_while(database: Database, url: str) -> None:
    heard = 0
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
        begun = time.monotonic()
        await asyncio.gather(*(database.write(add, str(number)) for number in range(WRITES)))
        seconds = time.monotonic() - begun
        await asyncio.sleep(2 * PAUSE.total_seconds())
        heard = sum(1 for _ in connection.notifies(timeout=1))

    assert 1 <= heard <= seconds / PAUSE.total_seconds() + 3
    assert heard < WRITES


async def test_a_listener_whose_connection_is_cut_listens_again(
    database: Database, url: str, databases: Databases
) -> None:
    async with database.opened_listener() as listener:
        await listener.wait(1)
        databases.server.execute(
            sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE {}").format(
                sql.Literal(f"LISTEN {CHANNEL}%")
            )
        )
        begun, woken = time.monotonic(), False
        while not woken and time.monotonic() - begun < LONG:
            await database.write(add, f"{time.monotonic()}")
            waited = time.monotonic()
            await listener.wait(1)
            woken = time.monotonic() - waited < 0.5

    assert woken
