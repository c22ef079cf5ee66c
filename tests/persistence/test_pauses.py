"""Pauses in the transaction of the intent: what they hold back, and how it is released."""

import pytest
from sqlmodel import Session

from aijobs.domain.errors import SlotAwaited
from aijobs.domain.jobs.submissions import Accepted, ProviderRequest, Sending, Submission
from aijobs.domain.jobs.waiting import PausedThing, WaitFor
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.jobs.waiting import waiting_of
from aijobs.persistence.pauses import AT_ONCE, begin_pause, end_pause, held_counts, running_pauses
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import PauseRow
from tests.persistence.conftest import AcceptJob

MODEL = "replicate_imageupscale_v1"
REQUEST = ProviderRequest(method="POST", url="https://api.example.com/v1/predictions", body={})


async def pause(database: Database, kind: PausedThing, name: str) -> str:
    return (await database.write(begin_pause, kind, name, reason="red status page", by="key_1")).code


async def resume(database: Database, code: str) -> PauseRow:
    return await database.write(end_pause, code, by="key_2")


async def intend(records: DatabaseRecords, code: str, *, credential: str | None = None) -> Submission:
    sending = Sending(provider="replicate", token=f"of {code}", request=REQUEST, credential=credential)
    return await records.submissions.intend(code, **sending)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (PausedThing.PROVIDER, "replicate"),
        (PausedThing.MODEL, MODEL),
        (PausedThing.USER, "ada"),
        (PausedThing.CREDENTIAL, "replicate"),
    ],
)
async def test_nothing_is_sent_for_what_is_paused_until_it_is_resumed(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob, kind: PausedThing, name: str
) -> None:
    code = await accept_job("ada")
    paused = await pause(database, kind, name)

    with pytest.raises(SlotAwaited):
        await intend(records, code)
    job = await database.read(job_of, code)
    waiting = waiting_of(job, None, at=now())
    assert await records.submissions.last_submission(code) is None
    assert waiting is not None
    assert (waiting.kind, waiting.message) == (
        WaitFor.PROVIDER_PAUSED,
        "Paused by an operator: red status page",
    )
    assert await database.read(held_counts) == {paused: 1}

    await resume(database, paused)
    assert (await intend(records, code)).number == 1


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (PausedThing.PROVIDER, "ttapi"),
        (PausedThing.PROVIDER, MODEL),
        (PausedThing.MODEL, "ttapi_midjourney_v1"),
        (PausedThing.USER, "bo"),
        (PausedThing.USER, "replicate"),
        (PausedThing.CREDENTIAL, "replicate"),
    ],
)
async def test_what_is_not_paused_is_sent(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob, kind: PausedThing, name: str
) -> None:
    code = await accept_job("ada")
    await pause(database, kind, name)

    assert (await intend(records, code, credential="replicate:spare")).number == 1


async def test_what_is_at_its_provider_goes_on(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    sent, under_way = await accept_job(), await accept_job()
    submission = await intend(records, sent)
    await records.submissions.conclude(await intend(records, under_way), Accepted({"id": "p0"}))
    await pause(database, PausedThing.PROVIDER, "replicate")

    state = await records.submissions.conclude(submission, Accepted({"id": "p1"}))
    further = await records.gate.advance(under_way, JobStatus.GENERATED)

    assert (state.job_status, further.job_status) == (JobStatus.SUBMITTED, JobStatus.GENERATED)
    assert await records.start_conditions.hold_back(under_way, provider="replicate") is None


async def test_those_that_were_held_back_are_released_some_at_a_time_and_once(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    codes = [await accept_job(daily_limit=10**6) for _ in range(AT_ONCE + 2)]
    other = await accept_job("bo")
    paused = await pause(database, PausedThing.USER, "ada")
    await pause(database, PausedThing.USER, "bo")
    for code in (*codes, other):
        assert await records.start_conditions.hold_back(code, provider="replicate") is not None
        assert await records.start_conditions.hold_back(code, provider="replicate") is not None  # a second look

    await resume(database, paused)
    releases = records.releases.released()
    first, second = await anext(releases), await anext(releases)

    assert (len(first), len(second)) == (AT_ONCE, 2)
    assert sorted(first + second) == sorted(codes)
    assert list((await database.read(held_counts)).values()) == [1]


async def test_a_pause_outlives_the_process_that_began_it(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code = await pause(database, PausedThing.PROVIDER, "replicate")
    await resume(database, code)
    again = await pause(database, PausedThing.PROVIDER, "replicate")

    def work(session: Session) -> list[tuple[str, str]]:
        return [(row.code, row.create_by) for row in running_pauses(session)]

    assert await database.read(work) == [(again, "key_1")]
    first = await resume(database, code)
    assert (first.ended_by, first.ended_at is not None) == ("key_2", True)


async def test_jobs_go_out_with_credentials_that_are_not_paused(database: Database, records: DatabaseRecords) -> None:
    await pause(database, PausedThing.CREDENTIAL, "replicate")
    await pause(database, PausedThing.PROVIDER, "ttapi")

    assert await records.start_conditions.unpaused(["replicate", "replicate:spare", "ttapi"]) == [
        "replicate:spare",
        "ttapi",
    ]
