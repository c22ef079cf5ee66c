"""Every invariant of the ledger, broken on purpose, is named."""

import pytest
from sqlalchemy import text

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.records import DatabaseRecords
from aijobs.persistence.points.audit import violations
from tests.persistence.conftest import AcceptJob


async def found(database: Database) -> list[str]:
    async with database.read() as session:
        return await violations(session, daily_limit=100)


async def test_a_ledger_in_order_has_no_violations(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    for ending in (JobStatus.FAILED, JobStatus.CANCELED, JobStatus.TIMEOUT):
        await records.gate.advance(await accept_job(), ending, provider_may_charge=True)
    await records.gate.advance(held := await accept_job(), JobStatus.TIMEOUT, provider_may_charge=True)
    await records.late_outcomes.record(held, JobStatus.GENERATED, {})
    await accept_job()

    assert await found(database) == []


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("DELETE FROM points_entry WHERE kind = 'refund'", "is FAILED, but its entries are: reserve."),
        ("UPDATE points_entry SET kind = 'settle' WHERE kind = 'reserve'", "its entries are: settle, refund."),
        (
            "INSERT INTO points_entry (job_code, user_id, day, kind, points, create_time) SELECT job_code, user_id, "
            "day, 'settle', points, create_time FROM points_entry WHERE kind = 'refund'",
            "its entries are: reserve, refund, settle.",
        ),
        ("UPDATE points_entry SET points = 7 WHERE kind = 'refund'", "is 7 points, not 2"),
        ("UPDATE points_day SET used = used + 1", "the day says used 1"),
        ("UPDATE points_day SET held = 1", "and held 1"),
        ("UPDATE points_day SET used = 101", "more than 100"),
        ("DELETE FROM points_entry", "its entries are: none."),
    ],
)
async def test_each_kind_of_damage_is_named(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob, damage: str, named: str
) -> None:
    await records.gate.advance(await accept_job(), JobStatus.FAILED)
    async with database.write() as session:
        await (await session.connection()).execute(text(damage))

    assert any(named in violation for violation in await found(database)), await found(database)


async def test_a_users_own_limit_counts(database: Database, accept_job: AcceptJob) -> None:
    async with database.write() as session:
        limit = text("INSERT INTO points_limit (user_id, daily_limit) VALUES ('ada', 1)")
        await (await session.connection()).execute(limit)
        spent = text("INSERT INTO points_day (user_id, day, used, held) VALUES ('ada', '2026-11-22', 2, 0)")
        await (await session.connection()).execute(spent)

    assert any("more than 1" in violation for violation in await found(database))
