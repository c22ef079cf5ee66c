"""What happens to calls when PostgreSQL is full, read-only, or takes too long: they are told why, and leave nothing."""

import asyncio
import socket
import threading
import time
from contextlib import ExitStack
from datetime import timedelta
from typing import Final

import psycopg
import pytest
from psycopg import sql
from sqlmodel import Session

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database import Database, existing_database
from aijobs.persistence.tables import WriteIntentRow
from tests.persistence.database.calls import HASTY, add, app_url, count, keys, opened
from tests.persistence.database.postgresql_server import PostgresqlServer

TIMEOUT: Final = 30.0
TOO_LONG: Final = 1.0  #: seconds
MOST_CONNECTIONS: Final = 30


async def test_too_many_connections_are_named_and_waited_for(server: PostgresqlServer) -> None:
    async with opened(server, HASTY) as database:
        with ExitStack() as stack:
            with pytest.raises(psycopg.OperationalError, match="connection"):
                take_all_connections(server, stack)

            with pytest.raises(DatabaseUnavailable, match="no more connections") as refused:
                await database.write(add, "too many")

        assert refused.value.retry_after
        await database.write(add, "enough")
        assert await database.read(keys) == {"enough"}


def take_all_connections(server: PostgresqlServer, stack: ExitStack) -> None:
    for _ in range(MOST_CONNECTIONS):
        stack.enter_context(psycopg.connect(app_url(server)))


async def test_a_server_that_is_read_only_is_named_and_found_again(server: PostgresqlServer) -> None:
    async with opened(server, HASTY) as database:
        make_read_only(server, "on")
        with pytest.raises(DatabaseUnavailable, match="read-only"):
            await write_again_and_again(database)
        with pytest.raises(DatabaseUnavailable, match="read-only"):
            await database.probe()
        assert await database.read(count) >= 0
        make_read_only(server, "off")

    async with opened(server) as database:
        await database.write(add, "writable")


async def write_again_and_again(database: Database) -> None:
    """Until the session has heard of it."""
    for number in range(50):
        await database.write(add, f"key-{number}")
        await asyncio.sleep(0.1)


def make_read_only(server: PostgresqlServer, value: str) -> None:
    server.execute(sql.SQL("ALTER SYSTEM SET default_transaction_read_only = {}").format(sql.Literal(value)))
    server.execute(sql.SQL("SELECT pg_reload_conf()"))


async def test_a_full_disk_is_named_and_what_did_not_fit_is_not_there(server: PostgresqlServer) -> None:
    server.execute(sql.SQL("ALTER ROLE app SET temp_file_limit = '64kB'"))

    def sorted_on_disk(session: Session) -> None:
        add(session, "before it was full")
        session.connection().exec_driver_sql("SET LOCAL work_mem = '64kB'")
        session.connection().exec_driver_sql("SELECT * FROM generate_series(1, 500000) AS n ORDER BY n DESC").all()

    async with opened(server, HASTY) as database:
        with pytest.raises(DatabaseUnavailable, match="disk"):
            await database.write(sorted_on_disk)
        assert await database.read(keys) == set()
    server.execute(sql.SQL("ALTER ROLE app RESET ALL"))


async def test_a_lock_that_another_holds_for_too_long_ends_the_wait(server: PostgresqlServer) -> None:
    settings = HASTY.model_copy(update={"lock_timeout": timedelta(milliseconds=200)})
    with psycopg.connect(server.url("aijobs")) as other:
        other.execute("LOCK TABLE write_intent IN ACCESS EXCLUSIVE MODE")
        async with opened(server, settings) as database:
            with pytest.raises(DatabaseUnavailable, match="hold a lock"):
                await database.write(add, "blocked")


async def test_a_statement_that_takes_too_long_is_stopped(server: PostgresqlServer) -> None:
    settings = HASTY.model_copy(update={"statement_timeout": timedelta(milliseconds=200)})

    def slow(session: Session) -> None:
        session.connection().exec_driver_sql("SELECT pg_sleep(20)")

    async with opened(server, settings) as database:
        with pytest.raises(DatabaseUnavailable, match="took too long"):
            await database.read(slow)


async def test_a_transaction_in_which_nothing_happens_is_ended_and_holds_no_lock(server: PostgresqlServer) -> None:
    settings = HASTY.model_copy(update={"idle_timeout": timedelta(milliseconds=200)})

    def forgetful(session: Session) -> None:
        add(session, "idle")
        time.sleep(TOO_LONG)
        add(session, "too late")

    async with opened(server, settings) as database:
        with pytest.raises(DatabaseUnavailable):
            await database.write(forgetful)
        assert await database.read(keys) == set()


async def test_deadlocks_are_resolved_by_running_one_again(server: PostgresqlServer) -> None:
    meeting = threading.Barrier(2)
    runs: list[str] = []

    def update(session: Session, first: str, second: str) -> None:
        runs.append(first)
        change(session, first)
        if len(runs) <= 2:
            meeting.wait(TIMEOUT)
        change(session, second)

    async with opened(server) as database:
        await database.write(add, "a")
        await database.write(add, "b")

        await asyncio.gather(database.write(update, "a", "b"), database.write(update, "b", "a"))

    assert len(runs) == 3


def change(session: Session, key: str) -> None:
    row = session.get_one(WriteIntentRow, key, with_for_update=True)
    row.job_code = "changed"
    session.flush()


async def test_a_server_that_takes_connections_and_says_nothing_is_given_up_for_all_who_wait(
    server: PostgresqlServer,
) -> None:
    """Those who waited in the queue meanwhile do not each wait for a try of their own."""
    settings = HASTY.model_copy(update={"connect_timeout": timedelta(seconds=2)})
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"postgresql://app@127.0.0.1:{silent.getsockname()[1]}/aijobs"
        begun = time.monotonic()

        async with existing_database(address, settings) as database:
            calls = (database.write(add, str(number)) for number in range(MOST_CONNECTIONS))
            answers = await asyncio.gather(*calls, return_exceptions=True)

        assert all(isinstance(answer, DatabaseUnavailable) for answer in answers)
        assert time.monotonic() - begun < TIMEOUT
