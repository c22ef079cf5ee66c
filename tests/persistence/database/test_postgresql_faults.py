"""What happens to calls when PostgreSQL goes away and comes back: they wait, and nothing is half done."""

import asyncio
import threading
import time
from contextlib import ExitStack
from typing import Final

import pytest
from psycopg import sql
from sqlalchemy import make_url
from sqlmodel import Session

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database import Database
from aijobs.persistence.database.postgresql_schema import upgrade_postgresql
from tests.persistence.database.calls import HASTY, add, count, keys, opened
from tests.persistence.database.postgresql_server import SAFE, PostgresqlServer, postgresql_server

TIMEOUT: Final = 30.0
AWAY: Final = 1.0  #: seconds


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
    begun = threading.Event()
    runs: list[str] = []

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


async def test_a_second_server_takes_over_the_address(server: PostgresqlServer) -> None:
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
