"""Several processes' connections share a few of PgBouncer's in transaction mode: nothing outlives a transaction."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Final

import pytest
from psycopg import sql
from sqlalchemy import make_url
from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import DatabaseUnavailable
from aijobs.domain.jobs.events import EventKind
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import Database, opened_database
from aijobs.persistence.database.postgresql_schema import upgrade_postgresql
from aijobs.persistence.jobs import gate
from aijobs.persistence.jobs.event_log import events_after, opened_tail
from aijobs.persistence.points.audit import violations
from aijobs.persistence.postgresql_settings import PostgresqlSettings
from aijobs.persistence.repositories import DatabaseRecords
from tests.persistence.conftest import accept_into
from tests.persistence.database.pgbouncer import BINARY, pgbouncer
from tests.persistence.database.postgresql_server import SUPERUSER, PostgresqlServer, postgresql_server

pytestmark = pytest.mark.skipif(BINARY is None, reason="PgBouncer is not installed: apt-get install pgbouncer")

PROCESSES: Final = 4
POOL: Final = 3  #: connections for all of them, of whom each has more
JOBS: Final = 40
POOLED: Final = PostgresqlSettings(transaction_pooler=True, reconnect_for=timedelta(0))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="module")
def url(server: PostgresqlServer) -> Iterator[str]:
    with pgbouncer(server, user=SUPERUSER, pool_size=POOL) as port:
        url = f"postgresql://{SUPERUSER}@127.0.0.1:{port}/aijobs"
        server.execute(sql.SQL("CREATE DATABASE aijobs"))
        upgrade_postgresql(make_url(url))
        yield url


@asynccontextmanager
async def opened_by_several(url: str) -> AsyncIterator[list[Database]]:
    """As several processes would: each has threads and connections of its own."""
    async with AsyncExitStack() as opened:
        yield [await opened.enter_async_context(opened_database(url, POOLED)) for _ in range(PROCESSES)]


async def test_jobs_run_through_a_few_shared_connections(url: str, catalogue: Catalogue) -> None:
    async with opened_by_several(url) as databases, opened_tail(databases[0]) as tail:
        await tail.skip()

        codes = await asyncio.gather(*(live(databases[n % PROCESSES], catalogue) for n in range(JOBS)))

        seen = []
        while entries := await tail.new_entries():
            seen += entries
        for code in codes:
            found = await databases[-1].read(events_after, code, 0)
            assert [event.seq for event in found] == [1, 2, 3]
            assert [entry.event.seq for entry in seen if entry.event.code == code] == [1, 2, 3]
        assert await databases[-1].snapshot(violations) == []


async def live(database: Database, catalogue: Catalogue) -> str:
    """A job from its acceptance to a bad end, by way of a note."""
    code = await accept_into(database, catalogue, user_id="ada", daily_limit=10_000)
    await database.write(note, code)
    await DatabaseRecords(database, catalogue).gate.advance(code, JobStatus.FAILED)
    return code


def note(session: Session, code: str) -> None:
    gate.record(session, gate.locked_job(session, code), EventKind.NOTE, {})


async def test_the_limits_hold_for_transactions_and_for_no_other_client(url: str) -> None:
    settings = POOLED.model_copy(update={"statement_timeout": timedelta(milliseconds=200)})

    def slow(session: Session) -> None:
        session.connection().exec_driver_sql("SELECT pg_sleep(1)")

    async with opened_database(url, settings) as hasty, opened_database(url, POOLED) as patient:
        for _ in range(POOL + 1):
            with pytest.raises(DatabaseUnavailable, match="took too long"):
                await hasty.write(slow)

        await asyncio.gather(*(patient.write(slow) for _ in range(POOL + 1)))


async def test_without_the_setting_a_pooler_refuses_what_is_asked_of_it(url: str) -> None:
    settings = PostgresqlSettings(reconnect_for=timedelta(0))

    async with opened_database(url, settings) as database:
        with pytest.raises(DatabaseUnavailable, match="AIJOBS_POSTGRESQL__TRANSACTION_POOLER"):
            await database.probe()
