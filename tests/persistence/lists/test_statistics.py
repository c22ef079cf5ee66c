"""What the dashboard tells of all jobs together, and how it finds one."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from aijobs.domain.errors import BadInput
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.submissions import Accepted, ProviderRequest, Rejected
from aijobs.domain.lifecycle import UNFINISHED, JobStatus
from aijobs.domain.values.ids import first_code_since
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs import statistics
from aijobs.persistence.jobs.gate import locked_job
from aijobs.persistence.jobs.resolutions import Resolution, resolve
from aijobs.persistence.jobs.search import JobFilter, count_newer, jobs_by_code, jobs_page
from aijobs.persistence.jobs.throughput import throughput
from aijobs.persistence.repositories import DatabaseRecords
from tests.persistence.conftest import AcceptJob

UPSCALE = "replicate_imageupscale_v1"
TO_SUCCESS = (
    JobStatus.SUBMITTED,
    JobStatus.QUEUED,
    JobStatus.PROCESSING,
    JobStatus.GENERATED,
    JobStatus.MIGRATING,
    JobStatus.SUCCESS,
)
ERROR = JobError(code="provider_rejected", message="No.", stage=Stage.PROCESSING)


async def test_jobs_are_counted_where_they_are(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    queued, other, done = await accept_job(), await accept_job("bo"), await accept_job()
    await records.gate.advance(queued, JobStatus.QUEUED)
    await records.gate.advance(other, JobStatus.QUEUED)
    for status in TO_SUCCESS:
        await records.gate.advance(done, status)
    failed = await accept_job()
    await records.gate.advance(failed, JobStatus.FAILED, error=ERROR)

    in_flight = await database.read(statistics.in_flight, user_id="ada")
    hours = await database.read(throughput, until=now(), count=3, user_id=None)
    failures = await database.read(statistics.failures, since=now() - timedelta(hours=1), user_id=None)

    assert in_flight == {status: int(status is JobStatus.QUEUED) for status in UNFINISHED}
    assert len(hours) == 3
    assert sum(hour.accepted for hour in hours) == 4
    assert (hours[-1].start - hours[0].start) == timedelta(hours=2)
    assert sum(hour.succeeded for hour in hours) == 1
    assert failures == [statistics.FailureCount(JobStatus.FAILED, "provider_rejected", 1)]


async def test_a_models_health_knows_rates_times_and_how_late_we_noticed(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    done, failed, canceled = await accept_job(), await accept_job(), await accept_job()
    ended = now() - timedelta(seconds=30)
    for status in TO_SUCCESS:
        answer = {"completed_at": ended.isoformat()} if status is JobStatus.GENERATED else None
        await records.gate.advance(done, status, response=answer)
    await records.gate.advance(failed, JobStatus.FAILED, error=ERROR)
    await records.gate.advance(canceled, JobStatus.CANCELED)

    found = await database.read(statistics.health, UPSCALE, since=now() - timedelta(hours=1), user_id=None)
    nothing = await database.read(statistics.health, UPSCALE, since=now() + timedelta(seconds=1), user_id=None)

    assert found.success_rate == 0.5
    assert found.typical is not None
    assert set(found.stages) == {JobStatus.DRAFT, *TO_SUCCESS[:-1]}
    assert found.lag is not None
    assert found.lag >= 30
    assert nothing == statistics.ModelStatistics(stages={})


async def test_what_waits_for_a_decision_is_there_until_it_is_made(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code = await accept_job()
    await records.gate.advance(code, JobStatus.SUBMITTED)
    await records.gate.advance(code, JobStatus.TIMEOUT, error=ERROR, provider_may_charge=True)

    before = await database.read(statistics.held_jobs, user_id=None, at_most=10)
    foreign = await database.read(statistics.held_jobs, user_id="bo", at_most=10)

    def work(session: Session) -> None:
        resolve(session, locked_job(session, code), Resolution.CHARGE, by="test", why="They did it.")

    await database.write(work)
    after = await database.read(statistics.held_jobs, user_id=None, at_most=10)

    assert [job.code for job in before] == [code]
    assert foreign == after == []


async def test_refusals_for_haste_are_counted_by_provider(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code = await accept_job()
    request = ProviderRequest("POST", "https://example.com", {})
    submission = await records.submissions.intend(code, provider="replicate", token="t", request=request)
    await records.submissions.conclude(submission, Rejected("provider_throttled", "slower", may_retry=True))

    assert await database.read(statistics.throttled, since=now() - timedelta(hours=1)) == {"replicate": 1}


async def test_whoever_used_most_comes_first(database: Database, accept_job: AcceptJob) -> None:
    for user in ("bo", "ada", "bo"):
        await accept_job(user)

    everybody = await database.read(statistics.spenders, now().date(), user_id=None, at_most=10)
    one = await database.read(statistics.spenders, now().date(), user_id="ada", at_most=10)

    assert [(row.user_id, row.used) for row in everybody] == [("bo", 4), ("ada", 2)]
    assert [row.user_id for row in one] == ["ada"]


async def test_a_page_of_what_is_found_goes_on_behind_its_last_job(database: Database, accept_job: AcceptJob) -> None:
    codes = [await accept_job() for _ in range(5)]

    first, next_page = await database.read(jobs_page, JobFilter(), limit=3)
    rest, no_page = await database.read(jobs_page, JobFilter(cursor=next_page), limit=3)
    newer = await database.read(count_newer, JobFilter(), codes[1], at_most=2)
    by_code = await database.read(jobs_by_code, codes[:2], user_id="ada")
    with pytest.raises(BadInput):
        await database.read(jobs_page, JobFilter(cursor="job_none"), limit=3)

    assert [job.code for job in first + rest] == list(reversed(codes))
    assert (next_page, no_page) == (first[-1].code, None)
    assert newer == 2
    assert [job.code for job in by_code] == [codes[1], codes[0]]


async def test_a_job_is_found_by_its_providers_id_and_by_the_beginning_of_its_code(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code, other = await accept_job(), await accept_job()
    request = ProviderRequest("POST", "https://example.com", {})
    await records.submissions.conclude(
        await records.submissions.intend(code, provider="p", token="t", request=request), Accepted({"id": "p-7"})
    )

    by_provider, _ = await database.read(jobs_page, JobFilter(text="p-7"), limit=3)
    by_code, _ = await database.read(jobs_page, JobFilter(text=code), limit=3)
    by_beginning, _ = await database.read(jobs_page, JobFilter(text=code[:8]), limit=3)

    assert [job.code for job in by_provider] == [job.code for job in by_code] == [code]
    assert [job.code for job in by_beginning] == [other, code]


async def test_the_first_code_of_a_moment_lies_between_what_was_before_and_after(accept_job: AcceptJob) -> None:
    before = now()
    code = await accept_job()
    after = now()

    assert first_code_since(before) <= code < first_code_since(after + timedelta(milliseconds=1))


async def test_signs_with_a_meaning_in_sql_mean_themselves(database: Database, accept_job: AcceptJob) -> None:
    await accept_job()

    def work(session: Session) -> None:
        for text in ("%", "exampl_.com", "example/.com", "'; DROP TABLE job; --", "\\", '"'):
            assert jobs_page(session, JobFilter(text=text), limit=3) == ([], None)

    await database.read(work)
