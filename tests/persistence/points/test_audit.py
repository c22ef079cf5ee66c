"""Every invariant of the ledger, broken on purpose, is named."""

import asyncio
import threading

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from aijobs.domain.errors import PointsExhausted
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import Database
from aijobs.persistence.points.audit import violations
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import JobRow
from tests.persistence.conftest import AcceptJob


async def found(database: Database) -> list[str]:
    return await database.snapshot(violations)


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

    def work(session: Session) -> None:
        session.connection().execute(text(damage))

    await database.write(work)

    assert any(named in violation for violation in await found(database)), await found(database)


async def execute(database: Database, statement: str) -> None:
    def work(session: Session) -> None:
        session.connection().execute(text(statement))

    await database.write(work)


async def test_a_users_own_limit_counts(database: Database, accept_job: AcceptJob) -> None:
    await execute(database, "INSERT INTO points_limit (user_id, daily_limit) VALUES ('ada', 3)")
    await accept_job()
    await execute(database, "UPDATE points_day SET used = 4")

    assert any("more than 3" in violation for violation in await found(database))


async def test_a_limit_that_is_lowered_later_breaks_nothing(database: Database, accept_job: AcceptJob) -> None:
    await accept_job(daily_limit=5)
    await execute(database, "INSERT INTO points_limit (user_id, daily_limit) VALUES ('ada', 1)")

    with pytest.raises(PointsExhausted):
        await accept_job(daily_limit=5)

    assert await found(database) == []


async def test_a_day_of_before_limits_were_kept_is_not_judged_by_todays(
    database: Database, accept_job: AcceptJob
) -> None:
    await accept_job(daily_limit=5)
    await execute(database, "UPDATE points_day SET daily_limit = NULL")
    await execute(database, "INSERT INTO points_limit (user_id, daily_limit) VALUES ('ada', 1)")

    assert await found(database) == []


async def test_an_audit_sees_one_moment_of_a_living_system(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    begun, written = threading.Event(), threading.Event()

    def look_before_and_after(session: Session) -> tuple[list[str], list[str], list[str]]:
        before = list(session.exec(select(JobRow.code)))
        begun.set()
        assert written.wait(10)
        return before, list(session.exec(select(JobRow.code))), violations(session)

    looking = asyncio.create_task(database.snapshot(look_before_and_after))
    await asyncio.to_thread(begun.wait, 10)
    await records.gate.advance(await accept_job(), JobStatus.FAILED)
    written.set()

    assert await looking == ([], [], [])


async def test_an_audit_that_runs_while_jobs_end_gives_no_false_alarm(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    async def live() -> None:
        for _ in range(30):
            await records.gate.advance(await accept_job(), JobStatus.FAILED)

    living = asyncio.create_task(live())
    alarms = []
    while not living.done():
        alarms += await found(database)
    await living

    assert alarms == []
