"""What happens to calls when PostgreSQL is full, read-only, or takes too long: they are told why, and leave nothing."""

import asyncio
import os
import secrets
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url
from sqlmodel import Session

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database import Database, existing_database
from aijobs.persistence.database.postgresql_schema import upgrade_postgresql
from aijobs.persistence.tables import WriteIntentRow
from tests.persistence.database.calls import HASTY, add, app_url, count, keys, opened
from tests.persistence.database.postgresql_server import UNPRIVILEGED, PostgresqlServer, postgresql_server

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


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of one megabyte, for PostgreSQL's user."""
    folder = Path(tempfile.mkdtemp(prefix="aijobs-small-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size=1m,uid={UNPRIVILEGED},mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        folder.rmdir()
        pytest.skip("A small file system cannot be mounted here.")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


@pytest.fixture
def nearly_full(small_disk: Path) -> Iterator[PostgresqlServer]:
    """A server whose table of these tests is on the small disk. Not even TRUNCATE works there once it is full."""
    with postgresql_server() as server:
        upgrade_postgresql(make_url(server.url("aijobs")))
        server.execute(sql.SQL("CREATE ROLE app LOGIN SUPERUSER"))
        location = sql.SQL("CREATE TABLESPACE small LOCATION {}").format(sql.Literal(str(small_disk)))
        server.execute(location, "aijobs")
        server.execute(sql.SQL("ALTER TABLE write_intent SET TABLESPACE small"), "aijobs")
        yield server


async def test_a_full_disk_is_named_and_what_did_not_fit_is_not_there(nearly_full: PostgresqlServer) -> None:
    def too_much(session: Session) -> None:
        for _ in range(2000):
            session.add(WriteIntentRow(key=secrets.token_hex(500)))
        session.flush()

    async with opened(nearly_full, HASTY) as database:
        await database.write(add, "before")
        with pytest.raises(DatabaseUnavailable, match="its disk is full") as refused:
            await database.write(too_much)

        assert refused.value.retry_after
        assert await database.read(keys) == {"before"}


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
