"""Searches that no index answers: a part of the jobs, or of the log, at a time, until all of it was searched."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, col, select

from aijobs.domain.jobs.events import EventKind
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.ids import first_code_since, moment_of, new_id
from aijobs.persistence.access.idempotency import IdempotencyClaim, claim, first_receipt
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs import event_log, search
from aijobs.persistence.jobs.event_log import EventFilter, log_after, newest_position
from aijobs.persistence.jobs.search import JobFilter, count_newer, jobs_page
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import IdempotencyRow, JobRow
from tests.databases import POSTGRESQL
from tests.persistence.conftest import AcceptJob

AT_ONCE = 4


@pytest.fixture
def searched_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (search, event_log):
        monkeypatch.setattr(module, "SEARCHED_AT_ONCE", AT_ONCE)


async def describe(database: Database, code: str, album: str, *, name: str = "album") -> None:
    def work(session: Session) -> None:
        session.exec(select(JobRow).where(col(JobRow.code) == code)).one().extra = {name: album}

    await database.write(work)


@pytest.mark.usefixtures("searched_in_parts")
async def test_metadata_are_searched_page_by_page_until_the_first_job(
    database: Database, accept_job: AcceptJob
) -> None:
    """Three of four jobs are ada's. A part is four of all jobs, or four of hers."""
    codes = [await accept_job("bo" if number % 4 == 3 else "ada") for number in range(10)]
    for number in (0, 1, 8):
        await describe(database, codes[number], "holidays")

    pages = []
    criteria: JobFilter | None = JobFilter(text="HOLIDAYS")
    while criteria is not None:
        rows, next_page = await database.snapshot(jobs_page, criteria, limit=5)
        pages.append([codes.index(row.code) for row in rows])
        criteria = None if next_page is None else JobFilter(text="HOLIDAYS", cursor=next_page)
    own, rest = await database.snapshot(jobs_page, JobFilter(text="holidays", user_id="ada"), limit=5)
    first, second = await database.snapshot(jobs_page, JobFilter(text="holidays", cursor=codes[5]), limit=1)

    assert pages == [[8], [], [1, 0]]
    assert ([row.code for row in own], rest) == ([codes[8]], codes[5])
    assert ([row.code for row in first], second) == ([codes[1]], codes[1])
    newer = await database.snapshot(count_newer, JobFilter(text="holidays"), codes[0], at_most=9)
    assert newer == 1  # among the newest that are searched


async def test_the_name_of_a_member_is_not_the_end_of_another_name(database: Database, accept_job: AcceptJob) -> None:
    whole, quoted = [await accept_job() for _ in range(2)]
    await describe(database, whole, "cats")
    await describe(database, quoted, "cats", name='the "album')

    rows, _ = await database.snapshot(jobs_page, JobFilter(metadata={"album": "cats"}), limit=5)

    assert [row.code for row in rows] == [whole]


@pytest.mark.parametrize("beginning", ["job_", "job_0", "job_76EZ91YSPG"])
async def test_every_beginning_of_a_code_can_be_looked_for(
    database: Database, accept_job: AcceptJob, beginning: str
) -> None:
    code = await accept_job()

    rows, _ = await database.snapshot(jobs_page, JobFilter(text=beginning), limit=5)

    assert [row.code for row in rows] == [code][: code.startswith(beginning)]


@pytest.mark.usefixtures("searched_in_parts")
async def test_a_filtered_log_reaches_its_end_although_pages_are_empty(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    codes = [await accept_job() for _ in range(5)]
    await records.gate.advance(codes[0], JobStatus.QUEUED)
    await records.gate.note(codes[1], {"text": "found"})
    for code in codes:
        await records.gate.advance(code, JobStatus.PROCESSING)
    end = await database.read(newest_position)

    found, reached, pages, is_more = [], 0, 0, True
    while is_more:
        page = await database.read(log_after, EventFilter(kinds=frozenset({EventKind.NOTE})), reached)
        found += [entry.event.code for entry in page.entries]
        assert page.reached > reached or not page.is_more
        reached, is_more, pages = page.reached, page.is_more, pages + 1
    whole = await database.read(log_after, EventFilter(user_id="ada"), 0)
    none_left = await database.read(log_after, EventFilter(user_id="ada"), end)

    assert (found, reached, pages) == ([codes[1]], end, 4)
    assert (len(whole.entries), whole.reached, whole.is_more) == (12, end, False)
    assert (none_left.entries, none_left.reached) == ([], end)


async def test_jobs_of_a_period_are_found_although_a_hosts_clock_is_behind(
    database: Database, accept_job: AcceptJob
) -> None:
    codes = [await accept_job() for _ in range(4)]
    at = now() - timedelta(days=2)
    ahead = {codes[0]: 0, codes[1]: 5, codes[2]: 1, codes[3]: 3600}  # the second came from a clock that is 5 s ahead
    first, second, third, last = [
        await moved(database, code, at + timedelta(seconds=seconds)) for code, seconds in ahead.items()
    ]

    def codes_in(since: float, until: float) -> JobFilter:
        return JobFilter(created_after=at + timedelta(seconds=since), created_before=at + timedelta(seconds=until))

    async def found(criteria: JobFilter) -> list[str]:
        rows, _ = await database.snapshot(jobs_page, criteria, limit=9)
        return [row.code for row in rows]

    assert await found(codes_in(-1, 0.5)) == [first]
    assert await found(codes_in(0.5, 2)) == [third]
    assert await found(codes_in(2, 10)) == [second]
    assert await found(codes_in(0.5, 7200)) == [last, third, second]
    assert await found(JobFilter(text=last[:11])) == [last]


async def moved(database: Database, code: str, at: datetime) -> str:
    """The job as if it had been accepted then, under another code; it has no events, which would name it."""
    new = first_code_since(at)[:14] + new_id("job")[14:]

    def work(session: Session) -> None:
        connection = session.connection()
        for table in ("job_event", "points_entry"):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE job_code = '{code}'")
        connection.exec_driver_sql(f"UPDATE job SET code = '{new}' WHERE code = '{code}'")

    await database.write(work)
    return new


def test_the_time_of_a_code() -> None:
    at = datetime(2026, 11, 29, 12, 30, 15, 250_000, tzinfo=UTC)

    assert moment_of(first_code_since(at)) == at
    assert moment_of("job_") == datetime(1970, 1, 1, tzinfo=UTC)
    assert moment_of("job_zz") is None
    assert moment_of("job_ZZZZZZZZZZ") is None


async def test_keys_of_requests_that_died_are_forgotten(database: Database, records: DatabaseRecords) -> None:
    died = IdempotencyClaim(owner="key", key="died", request_sha256="x")
    await database.write(claim, died)

    assert await records.housekeeping.forget_unanswered(older_than=timedelta(hours=1)) == 0
    assert await records.housekeeping.forget_unanswered(older_than=timedelta(0)) == 1
    assert await database.read(first_receipt, died) is None


async def test_expired_idempotency_keys_are_found_among_those_that_are_still_good(
    database: Database, database_kind: str
) -> None:
    def keep(session: Session) -> None:
        for number in range(200):
            kept = IdempotencyRow(owner="shop", key=f"{number}", request_sha256="", answer={"body": {"code": "job"}})
            session.add(kept)

    def plan(session: Session) -> str:
        connection = session.connection()
        if database_kind == POSTGRESQL:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        expired = "SELECT key FROM idempotency_key WHERE owner = 'shop' AND create_time < '2026-01-01'"
        how = "EXPLAIN" if database_kind == POSTGRESQL else "EXPLAIN QUERY PLAN"
        return str(connection.exec_driver_sql(f"{how} {expired}").all())

    await database.write(keep)

    assert "ix_idempotency_key_owner_create_time" in await database.write(plan)
