"""What happens to calls when PostgreSQL goes away, comes back, is full, or is read-only: nothing is half done."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url
from sqlmodel import Session, col, func, select

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database import Database, opened_database
from aijobs.persistence.database.postgresql_schema import upgrade_postgresql
from aijobs.persistence.database.postgresql_settings import PostgresqlSettings
from aijobs.persistence.tables import WriteIntentRow
from tests.persistence.postgresql_server import SAFE, PostgresqlServer, postgresql_server

TIMEOUT: Final = 30.0
AWAY: Final = 1.0  #: seconds
PATIENT: Final = PostgresqlSettings(writers=3, readers=2, reconnect_for=timedelta(seconds=15))
HASTY: Final = PostgresqlSettings(writers=1, readers=1, reconnect_for=timedelta(0))


@pytest.fixture(scope="module")
def prepared() -> Iterator[PostgresqlServer]:
    """A server of these tests' own, which loses nothing that was committed when it is killed."""
    with postgresql_server(options=SAFE | {"max_connections": "20", "superuser_reserved_connections": "3"}) as server:
        upgrade_postgresql(make_url(server.url("aijobs")))
        server.execute(sql.SQL("CREATE ROLE app LOGIN"), "aijobs")
        server.execute(sql.SQL("GRANT ALL ON ALL TABLES IN SCHEMA public TO app"), "aijobs")
        yield server


@pytest.fixture
def server(prepared: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """Running, and writable, before and after each test."""
    yield prepared
    if prepared.process is None:
        prepared.start()
    prepared.execute(sql.SQL("ALTER SYSTEM RESET ALL"))
    prepared.execute(sql.SQL("SELECT pg_reload_conf()"))
    prepared.execute(sql.SQL("TRUNCATE write_intent"), "aijobs")


@asynccontextmanager
async def opened(server: PostgresqlServer, settings: PostgresqlSettings = PATIENT) -> AsyncIterator[Database]:
    url = server.url("aijobs").replace("postgres@", "app@")
    async with opened_database(url, settings) as database:
        yield database


def add(session: Session, key: str) -> str:
    session.add(WriteIntentRow(key=key))
    session.flush()
    return key


def count(session: Session) -> int:
    return session.exec(select(func.count(col(WriteIntentRow.key)))).one()


def keys(session: Session) -> set[str]:
    return set(session.exec(select(WriteIntentRow.key)))


async def restarted(server: PostgresqlServer, *, killed: bool) -> None:
    await asyncio.to_thread(server.kill if killed else server.stop)
    await asyncio.sleep(AWAY)
    await asyncio.to_thread(server.start)


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "stopped"])
async def test_calls_wait_for_a_server_that_restarts(server: PostgresqlServer, *, killed: bool) -> None:
    async with opened(server) as database:
        await asyncio.gather(*(database.write(add, f"before-{number}") for number in range(6)))
        restarting = asyncio.create_task(restarted(server, killed=killed))
        await asyncio.sleep(AWAY / 2)

        written = await asyncio.gather(*(database.write(add, f"during-{number}") for number in range(6)))
        read = await database.read(count)
        compared = await database.snapshot(count)

        await restarting
        assert len(written) == 6
        assert (read, compared) == (12, 12)


async def test_nothing_that_was_acknowledged_is_lost_while_the_server_is_killed(server: PostgresqlServer) -> None:
    acknowledged: set[str] = set()
    refused: list[DatabaseUnavailable] = []
    over = asyncio.Event()

    async def write(writer: int, database: Database) -> None:
        number = 0
        while not over.is_set():
            number += 1
            try:
                acknowledged.add(await database.write(add, f"{writer}-{number}"))
            except DatabaseUnavailable as unavailable:
                refused.append(unavailable)

    async with opened(server) as database:
        writers = [asyncio.create_task(write(writer, database)) for writer in range(6)]
        for _ in range(3):
            await asyncio.sleep(0.3)
            await restarted(server, killed=True)
        await asyncio.sleep(0.3)
        over.set()
        await asyncio.gather(*writers)
        found = await database.read(keys)

    assert acknowledged <= found
    assert len(found - acknowledged) <= len(refused)
    assert all("may have been done" in str(error) for error in refused)
    assert all(error.retry_after for error in refused)


async def test_a_transaction_that_is_cut_before_its_commit_is_run_again_as_a_whole(server: PostgresqlServer) -> None:
    begun, runs = threading.Event(), []

    def interrupted(session: Session) -> None:
        runs.append(add(session, f"first-{len(runs)}"))
        begun.set()
        if len(runs) == 1:
            time.sleep(AWAY)
        add(session, f"second-{len(runs)}")

    async with opened(server) as database:
        writing = asyncio.create_task(database.write(interrupted))
        assert await asyncio.to_thread(begun.wait, TIMEOUT)
        await asyncio.to_thread(disconnect_everybody, server)
        await writing
        found = await database.read(keys)

    assert len(runs) == 2
    assert found == {"first-1", "second-2"}


def disconnect_everybody(server: PostgresqlServer) -> None:
    server.execute(sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'"))


async def test_who_does_not_want_to_wait_is_told_when_to_come_again(server: PostgresqlServer) -> None:
    async with opened(server, HASTY) as database:
        await database.write(add, "before")
        server.stop()

        with pytest.raises(DatabaseUnavailable, match="is being stopped") as written:
            await database.write(add, "during")  # which is told on the connection that it had
        with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
            await database.write(add, "during")
        with pytest.raises(DatabaseUnavailable) as read:
            await database.read(count)
        server.start()

        assert written.value.retry_after
        assert read.value.retry_after
        assert await database.read(keys) == {"before"}


async def test_a_second_server_takes_over_the_address(server: PostgresqlServer, tmp_path: Path) -> None:
    """As after a fail-over: the standby answers where the primary did."""
    with ExitStack() as stack:
        standby = stack.enter_context(postgresql_server(options=SAFE))
        upgrade_postgresql(make_url(standby.url("aijobs")))
        standby.execute(sql.SQL("CREATE ROLE app LOGIN SUPERUSER"))
        standby.stop()
        async with opened(server) as database:
            await database.write(add, "on the first")
            server.kill()
            standby.port, before = server.port, standby.port
            standby.start()

            await database.write(add, "on the second")
            found = await database.read(keys)

            assert found == {"on the second"}
            standby.stop()
            standby.port = before


async def test_too_many_connections_are_named_and_waited_for(server: PostgresqlServer) -> None:
    url = server.url("aijobs").replace("postgres@", "app@")
    async with opened(server, HASTY) as database:
        with ExitStack() as stack:
            with pytest.raises(psycopg.OperationalError, match="connection"):
                for _ in range(30):
                    stack.enter_context(psycopg.connect(url))

            with pytest.raises(DatabaseUnavailable, match="no more connections") as refused:
                await database.write(add, "too many")

        assert refused.value.retry_after
        await database.write(add, "enough")
        assert await database.read(keys) == {"enough"}


async def test_a_server_that_is_read_only_is_named_and_found_again(server: PostgresqlServer) -> None:
    async with opened(server, HASTY) as database:
        make_read_only(server, "on")
        with pytest.raises(DatabaseUnavailable, match="read-only"):
            for _ in range(50):  # until the session has heard of it
                await database.write(add, f"key-{time.monotonic()}")
                await asyncio.sleep(0.1)
        with pytest.raises(DatabaseUnavailable, match="read-only"):
            await database.probe()
        assert await database.read(count) >= 0
        make_read_only(server, "off")

    async with opened(server) as database:
        await database.write(add, "writable")


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
        time.sleep(AWAY)
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


async def test_a_server_that_takes_connections_and_says_nothing_is_given_up(server: PostgresqlServer) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"postgresql://app@127.0.0.1:{silent.getsockname()[1]}/aijobs"
        begun = time.monotonic()

        with pytest.raises(DatabaseUnavailable):
            async with opened_database(address):
                pass

        assert time.monotonic() - begun < TIMEOUT
