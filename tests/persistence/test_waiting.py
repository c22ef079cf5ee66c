"""What a job waits for: stored by the transaction in which the wait begins, told once, and gone with its status."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, update

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.events import EventKind
from aijobs.domain.jobs.submissions import Accepted, ProviderRequest, Rejected, Submission, SubmitOutcome, Unknown
from aijobs.domain.jobs.waiting import MESSAGES, WaitFor, Waiting
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.event_log import events_after
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.jobs.waiting import TAKEN_UP_WITHIN, waiting_of
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import VendorLineRow
from tests.persistence.conftest import AcceptJob

REQUEST = ProviderRequest(method="POST", url="https://api.example.com/v1/predictions", body={})
BUSY = Rejected("provider_throttled", "slow down", may_retry=True, retry_after=timedelta(minutes=2))
UNREACHED = Rejected("provider_unreachable", "connection refused", may_retry=True)


@pytest.fixture
def wait_of(database: Database, catalogue: Catalogue) -> Any:
    async def of(code: str, *, later: timedelta = timedelta()) -> Waiting | None:
        job = await database.read(job_of, code)
        return waiting_of(job, catalogue.model(job.model_id), at=datetime.now(UTC) + later)

    return of


async def sent(records: DatabaseRecords, code: str, outcome: SubmitOutcome) -> Submission:
    last = await records.submissions.last_submission(code)
    token = f"{code}-{last.number if last else 0}"
    submission = await records.submissions.intend(code, provider="replicate", token=token, request=REQUEST)
    await records.submissions.conclude(submission, outcome)
    return submission


def two_minutes_pass(session: Session) -> None:
    """For the account, to which the vendor has said to come again then."""
    session.exec(update(VendorLineRow).values(blocked_until=VendorLineRow.blocked_at))


async def notes(database: Database, code: str) -> list[dict[str, Any]]:
    events = await database.read(events_after, code, 0)
    return [event.detail for event in events if event.kind is EventKind.NOTE]


async def test_a_refused_job_says_until_when_and_one_note_tells_it(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob, wait_of: Any
) -> None:
    code = await accept_job()
    await sent(records, code, BUSY)
    first = await wait_of(code)
    await database.write(two_minutes_pass)
    await sent(records, code, BUSY)
    second = await wait_of(code)

    assert first.kind is second.kind is WaitFor.RATE_LIMIT
    assert second.since == first.since
    assert second.next_at > first.next_at > first.since + timedelta(minutes=1)
    assert first.gives_up_at > first.next_at
    told = await notes(database, code)
    assert [detail["waiting"]["for"] for detail in told] == ["rate_limit"]
    assert Waiting.model_validate(told[0]["waiting"]).next_at is not None


async def test_what_never_arrived_is_sent_again_and_another_wait_is_another_note(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob, wait_of: Any
) -> None:
    code = await accept_job()
    for outcome in (UNREACHED, UNREACHED, BUSY):
        await sent(records, code, outcome)

    assert [detail["waiting"]["for"] for detail in await notes(database, code)] == ["resubmission", "rate_limit"]
    await database.write(two_minutes_pass)
    await sent(records, code, Accepted({"id": "p1"}))
    assert (await wait_of(code)).kind is WaitFor.NEXT_QUESTION


async def test_a_lost_answer_says_what_is_at_stake_until_it_is_found(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob, wait_of: Any, catalogue: Catalogue
) -> None:
    code = await accept_job()
    submission = await sent(records, code, Unknown("no answer came back"))
    lost = await wait_of(code, later=timedelta(minutes=5))

    assert lost.kind is WaitFor.UNKNOWN_SUBMISSION
    assert "may be charged" in lost.message
    deadlines = catalogue.model("replicate_imageupscale_v1").deadlines
    assert abs(lost.gives_up_at - lost.since - min(deadlines.queue, deadlines.business)) < timedelta(minutes=1)

    await records.submissions.conclude(submission, Accepted({"id": "p1"}))

    assert (await wait_of(code)).kind is WaitFor.NEXT_QUESTION
    assert [detail["waiting"] and detail["waiting"]["for"] for detail in await notes(database, code)] == [
        "unknown_submission",
        None,
    ]


async def test_a_submission_that_turned_out_never_to_have_arrived_waits_for_nothing(
    records: DatabaseRecords, accept_job: AcceptJob, wait_of: Any
) -> None:
    code = await accept_job()
    submission = await sent(records, code, Unknown("no answer came back"))

    await records.submissions.conclude(submission, Rejected("absent", "the provider does not have it"))

    assert (await wait_of(code)).kind is WaitFor.NEXT_QUESTION  # the workflow ends it with its next step


async def test_a_job_that_no_worker_takes_up_says_so_after_a_while(
    records: DatabaseRecords, accept_job: AcceptJob, wait_of: Any
) -> None:
    code = await accept_job()

    assert await wait_of(code) is None
    late = await wait_of(code, later=2 * TAKEN_UP_WITHIN)
    assert late.kind is WaitFor.ENGINE

    await sent(records, code, BUSY)
    assert (await wait_of(code, later=TAKEN_UP_WITHIN)).kind is WaitFor.RATE_LIMIT
    assert (await wait_of(code, later=timedelta(minutes=3))).kind is WaitFor.ENGINE


async def test_the_next_question_comes_from_the_poll_policy_without_a_write(
    records: DatabaseRecords, accept_job: AcceptJob, wait_of: Any
) -> None:
    code = await accept_job()
    await sent(records, code, Accepted({"id": "p1"}))

    for later in (timedelta(), timedelta(seconds=30), timedelta(hours=20)):
        waits = await wait_of(code, later=later)
        ahead = waits.next_at - datetime.now(UTC) - later
        assert waits.kind is WaitFor.NEXT_QUESTION
        assert timedelta(seconds=-1) < ahead <= timedelta(seconds=31)


@pytest.mark.parametrize("status", [JobStatus.GENERATED, JobStatus.FAILED, JobStatus.CANCELED])
async def test_what_moves_on_waits_no_more(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob, wait_of: Any, status: JobStatus
) -> None:
    code = await accept_job()
    await sent(records, code, Unknown("no answer came back"))

    await records.gate.advance(code, status)

    assert await wait_of(code) is None
    assert (await database.read(job_of, code)).waiting is None


def test_there_is_a_message_for_whatever_a_job_can_wait_for() -> None:
    assert set(MESSAGES) == set(WaitFor)
