"""Expiry in the database: only what has not started is canceled, once, and its points go back."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, col, update

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import JobExpired
from aijobs.domain.jobs.submissions import Accepted, ProviderRequest, Rejected, SubmitOutcome, Unknown
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.queries import brief_of, job_of
from aijobs.persistence.jobs.totals import waiting_too_long
from aijobs.persistence.points.ledger import entries_of
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import JobRow
from tests.persistence.conftest import AcceptJob

REQUEST = ProviderRequest(method="POST", url="https://api.example.com/v1/predictions", body={})
PAST = timedelta(seconds=-1)


async def due(database: Database, code: str, **times: timedelta) -> None:
    """As if the job had been ordered with these times, from now."""

    def work(session: Session) -> None:
        moments = {name: datetime.now(UTC) + length for name, length in times.items()}
        session.exec(update(JobRow).where(col(JobRow.code) == code).values(**moments))

    await database.write(work)


async def kinds(database: Database, code: str) -> list[str]:
    def work(session: Session) -> list[str]:
        return [entry.kind for entry in entries_of(session, code)]

    return await database.read(work)


async def test_what_has_not_started_in_time_is_canceled_and_its_points_go_back(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    late, early, never = [await accept_job() for _ in range(3)]
    await due(database, late, expires_at=PAST)
    await due(database, early, expires_at=timedelta(hours=1))

    ended = await anext(records.expiries.expired())

    job = await database.read(job_of, late)
    assert ended == [late]
    assert (job.job_status, job.error and job.error["code"]) == (JobStatus.CANCELED, "expired")
    assert await kinds(database, late) == ["reserve", "refund"]
    for code in (early, never):
        assert (await database.read(job_of, code)).job_status is JobStatus.DRAFT


@pytest.mark.parametrize(
    ("outcome", "then"),
    [
        (None, JobStatus.DRAFT),
        (Unknown("no answer came back"), JobStatus.SUBMITTED),
        (Accepted({"id": "p1"}), JobStatus.SUBMITTED),
        (Rejected("provider_throttled", "slow down", may_retry=True), JobStatus.CANCELED),
    ],
)
async def test_only_what_surely_never_left_expires(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob, outcome: SubmitOutcome | None, then: JobStatus
) -> None:
    code = await accept_job()
    submission = await records.submissions.intend(code, provider="replicate", token="t1", request=REQUEST)
    if outcome is not None:
        await records.submissions.conclude(submission, outcome)
    await due(database, code, expires_at=PAST)

    state = await records.start_conditions.expire(code)

    assert state.job_status is then


async def test_nothing_is_sent_after_its_time(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code = await accept_job()
    await due(database, code, expires_at=PAST)

    with pytest.raises(JobExpired):
        await records.submissions.intend(code, provider="replicate", token="t1", request=REQUEST)

    assert await records.submissions.last_submission(code) is None


async def test_what_starts_later_is_neither_mended_nor_missed_before_and_its_deadlines_count_from_then(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob, catalogue: Catalogue
) -> None:
    code = await accept_job()
    await due(
        database, code, start_at=timedelta(hours=30), update_time=timedelta(hours=-1), create_time=timedelta(days=-1)
    )

    assert await records.housekeeping.unfinished(quiet_for=timedelta(seconds=5), after="", at_most=9) == []
    assert await database.read(waiting_too_long) is None
    job = await database.read(job_of, code)
    assert brief_of(job, catalogue).accepted_at == job.start_at
    assert (await records.submissions.intend(code, provider="replicate", token="t1", request=REQUEST)).number == 1

    await due(database, code, start_at=timedelta(hours=-1))
    unfinished = await records.housekeeping.unfinished(quiet_for=timedelta(seconds=5), after="", at_most=9)
    assert [brief.code for brief in unfinished] == [code]
