"""The one gate, on a real database: legal moves, gapless numbers, one closing entry."""

import asyncio
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from aijobs.domain.errors import IllegalMove, NotFound
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import TRANSITIONS, JobStatus
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.gate import PROGRESS_PAUSE
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import JobEventRow, PointsDayRow, PointsEntryRow
from tests.persistence.conftest import AcceptJob

BROKEN = JobError(code="provider_failed", message="no faces found", stage=Stage.PROCESSING)


async def history(database: Database, code: str) -> list[JobEventRow]:
    def work(session: Session) -> list[JobEventRow]:
        found = session.exec(select(JobEventRow).where(col(JobEventRow.job_code) == code).order_by(col(JobEventRow.id)))
        return list(found)

    return await database.read(work)


async def entries(database: Database, code: str) -> list[str]:
    def work(session: Session) -> list[str]:
        found = session.exec(
            select(PointsEntryRow.kind).where(col(PointsEntryRow.job_code) == code).order_by(col(PointsEntryRow.id))
        )
        return list(found)

    return await database.read(work)


async def day_of(database: Database, user_id: str) -> PointsDayRow:
    def work(session: Session) -> PointsDayRow:
        found = session.exec(select(PointsDayRow).where(col(PointsDayRow.user_id) == user_id))
        return found.one()

    return await database.read(work)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(targets=st.lists(st.sampled_from(JobStatus), max_size=12))
async def test_no_sequence_of_calls_makes_an_illegal_move(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob, targets: list[JobStatus]
) -> None:
    code = await accept_job(daily_limit=10_000)

    for target in targets:
        with suppress(IllegalMove):
            await records.gate.advance(code, target, error=BROKEN if target is JobStatus.FAILED else None)

    events = await history(database, code)
    path = [event.job_status for event in events]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert path[0] is JobStatus.DRAFT
    assert all(later in TRANSITIONS[earlier] for earlier, later in pairwise(path))
    assert len(await entries(database, code)) == (2 if path[-1].is_final else 1)


async def test_entering_the_same_status_again_is_silent(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code = await accept_job()

    for _ in range(3):
        await records.gate.advance(code, JobStatus.SUBMITTED)

    assert [event.job_status for event in await history(database, code)] == [JobStatus.DRAFT, JobStatus.SUBMITTED]


async def test_of_many_who_end_a_job_at_once_one_wins(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code = await accept_job()
    endings = [JobStatus.FAILED, JobStatus.CANCELED, JobStatus.TIMEOUT] * 5

    states = await asyncio.gather(*(records.gate.advance(code, ending) for ending in endings))

    assert len({state.job_status for state in states}) == 1
    assert len(await history(database, code)) == 2
    assert len(await entries(database, code)) == 2


async def test_a_failure_is_told_with_its_reason_and_gives_the_points_back(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code = await accept_job("grace")

    await records.gate.advance(code, JobStatus.FAILED, error=BROKEN)

    assert (await history(database, code))[-1].detail["error"]["message"] == "no faces found"
    assert await entries(database, code) == ["reserve", "refund"]
    assert (await day_of(database, "grace")).used == 0


async def test_a_timeout_that_the_provider_may_charge_holds_the_points(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code = await accept_job("grace")

    await records.gate.advance(code, JobStatus.TIMEOUT, provider_may_charge=True)

    assert await entries(database, code) == ["reserve", "hold"]
    day = await day_of(database, "grace")
    assert (day.used, day.held) == (2, 2)


async def test_progress_never_goes_backwards_and_belongs_to_its_status(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code = await accept_job()
    await records.gate.advance(code, JobStatus.PROCESSING)
    await asyncio.sleep(0.6)

    await records.gate.progress(code, JobStatus.PROCESSING, 40)
    await asyncio.sleep(0.6)
    await records.gate.progress(code, JobStatus.PROCESSING, 30)
    await records.gate.progress(code, JobStatus.MIGRATING, 90)

    events = await history(database, code)
    assert [(event.kind, event.unit_progress) for event in events][2:] == [("progress", 40.0)]


async def test_progress_is_coalesced_but_the_last_step_is_told(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code = await accept_job()
    await records.gate.advance(code, JobStatus.PROCESSING)

    for unit in range(1, 101):
        await records.gate.progress(code, JobStatus.PROCESSING, unit)

    entered, *reported = [event for event in await history(database, code) if event.job_status is JobStatus.PROCESSING]
    *coalesced, last = reported
    moments = [event.at for event in (entered, *coalesced)]
    assert last.unit_progress == 100
    assert all(later - earlier >= PROGRESS_PAUSE for earlier, later in pairwise(moments))


async def test_an_unknown_job_is_said_to_be_unknown(records: DatabaseRecords) -> None:
    with pytest.raises(NotFound, match="job_nobody"):
        await records.gate.advance("job_nobody", JobStatus.SUBMITTED)


async def test_text_from_outside_is_made_fit_to_be_stored(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code = await accept_job()

    await records.gate.advance(code, JobStatus.SUBMITTED, detail={"said": "nul \0 and surrogate \ud800"})

    assert (await history(database, code))[-1].detail == {"said": "nul  and surrogate ?"}
