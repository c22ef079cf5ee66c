"""The oldest PostgreSQL that is supported, in a locale that sorts as a dictionary does: jobs, events and searches."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from alembic import command
from sqlalchemy import make_url
from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import LATEST_REVISION, Database, opened_database, prepared_database
from aijobs.persistence.database.postgresql_schema import upgrade_postgresql
from aijobs.persistence.jobs.event_log import EventFilter, log_after
from aijobs.persistence.jobs.search import JobFilter, jobs_page
from aijobs.persistence.points.audit import violations
from aijobs.persistence.repositories import DatabaseRecords
from tests.persistence.conftest import accept_into
from tests.persistence.database.postgresql_server import (
    ENGLISH_LOCALE,
    OLDEST_SUPPORTED,
    PostgresqlServer,
    oldest_binaries,
    postgresql_server,
)
from tests.persistence.database.test_migrations import alembic

pytestmark = pytest.mark.skipif(oldest_binaries() is None, reason=f"PostgreSQL {OLDEST_SUPPORTED} is not installed.")

JOBS = 12


@pytest.fixture(scope="module")
def oldest() -> Iterator[PostgresqlServer]:
    with postgresql_server(oldest_binaries(), locale=ENGLISH_LOCALE) as server:
        yield server


@pytest.fixture
async def database(oldest: PostgresqlServer) -> AsyncIterator[Database]:
    url = oldest.url(oldest.create_database())
    await asyncio.to_thread(upgrade_postgresql, make_url(url))
    async with opened_database(url) as database:
        yield database


async def test_migrations_go_up_and_down(oldest: PostgresqlServer) -> None:
    url = oldest.url("fresh")

    assert await prepared_database(url) is None
    await asyncio.to_thread(command.check, alembic(url))
    await asyncio.to_thread(command.downgrade, alembic(url), "base")
    assert await prepared_database(url) is None
    assert await prepared_database(url) == LATEST_REVISION


async def test_jobs_live_and_are_found(database: Database, catalogue: Catalogue) -> None:
    records = DatabaseRecords(database, catalogue)
    accepting = (accept_into(database, catalogue, user_id=f"user-{n}", daily_limit=100) for n in range(JOBS))
    codes = await asyncio.gather(*accepting)
    await asyncio.gather(*(records.gate.advance(code, JobStatus.SUBMITTED) for code in codes))
    await asyncio.gather(*(records.gate.advance(code, JobStatus.FAILED) for code in codes))

    entries = (await database.read(log_after, EventFilter(), 0)).entries
    assert len(entries) == 3 * JOBS
    for code in codes:
        assert [entry.event.seq for entry in entries if entry.event.code == code] == [1, 2, 3]
    assert await database.snapshot(violations) == []
    for code in codes:
        assert await database.read(_found, code[:20]) == {code}


def _found(session: Session, beginning: str) -> set[str]:
    rows, _ = jobs_page(session, JobFilter(text=beginning), limit=100)
    return {row.code for row in rows}
