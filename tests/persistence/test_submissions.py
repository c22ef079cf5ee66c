"""Submissions: at most one that may have arrived."""

from dataclasses import replace

import pytest

from aijobs.domain.errors import SubmissionExists
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.submissions import Accepted, Outcome, ProviderRequest, Rejected, Submission, Unknown
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.repositories import DatabaseRecords
from tests.persistence.conftest import AcceptJob

REQUEST = ProviderRequest(method="POST", url="https://api.example.com/v1/predictions", body={"input": {"x": 1}})


async def intend(records: DatabaseRecords, code: str, token: str) -> Submission:
    return await records.submissions.intend(code, provider="replicate", token=token, request=REQUEST)


@pytest.mark.parametrize("outcome", [None, Unknown("reset"), Accepted({"id": "p1"})])
async def test_what_may_have_arrived_is_not_sent_again(
    records: DatabaseRecords, accept_job: AcceptJob, outcome: Unknown | Accepted | None
) -> None:
    code = await accept_job()
    first = await intend(records, code, "token-1")
    if outcome is not None:
        await records.submissions.conclude(first, outcome)

    with pytest.raises(SubmissionExists):
        await intend(records, code, "token-2")


async def test_what_was_surely_rejected_may_be_sent_again(records: DatabaseRecords, accept_job: AcceptJob) -> None:
    code = await accept_job()
    first = await intend(records, code, "token-1")
    state = await records.submissions.conclude(first, Rejected("rate_limited", "slow down", may_retry=True))

    second = await intend(records, code, "token-2")

    assert state.job_status is JobStatus.DRAFT
    assert second.number == 2


async def test_unknown_becomes_accepted_when_it_is_found(records: DatabaseRecords, accept_job: AcceptJob) -> None:
    code = await accept_job()
    first = await intend(records, code, "token-1")
    await records.submissions.conclude(first, Unknown("reset"))

    await records.submissions.conclude(first, Accepted({"id": "p1"}))
    await records.submissions.conclude(first, Unknown("a late word"))

    last = await records.submissions.last_submission(code)
    assert last is not None
    assert (last.outcome, last.ref) == (Outcome.ACCEPTED, {"id": "p1"})


async def test_of_two_lost_requests_that_were_the_same_neither_takes_what_is_found(
    records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    log, found = records.submissions, {"id": "p1"}
    one, other = [await intend(records, await accept_job(), token) for token in ("token-1", "token-2")]

    assert await log.may_be_anothers("replicate", one, found)  # the other is on its way, and may have made it
    await log.conclude(one, Unknown("reset"))
    await log.conclude(other, Unknown("reset"))
    assert await log.may_be_anothers("replicate", one, found)
    assert await log.may_be_anothers("replicate", other, found)

    await log.conclude(other, Accepted({"id": "p2"}))
    assert not await log.may_be_anothers("replicate", one, found)
    assert await log.may_be_anothers("replicate", one, {"id": "p2"})


async def test_requests_that_differ_are_never_taken_for_one_another(
    records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    one = await intend(records, await accept_job(), "token-1")
    code, another = await accept_job(), replace(REQUEST, body={"input": {"x": 2}})
    await records.submissions.intend(code, provider="replicate", token="token-2", request=another)

    assert not await records.submissions.may_be_anothers("replicate", one, {"id": "p1"})


async def test_what_came_to_nothing_is_voided_once_and_another_may_follow(
    records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code, log = await accept_job(), records.submissions
    first = await intend(records, code, "token-1")
    await log.conclude(first, Accepted({"id": "p1"}))

    assert [await log.void(first, "interrupted") for _ in range(2)] == [True, True]
    await log.conclude(first, Unknown("a late word"))
    voided = await log.last_submission(code)
    second = await intend(records, code, "token-2")
    await log.conclude(second, Accepted({"id": "p2"}))

    assert voided is not None
    assert (voided.outcome, second.number) == (Outcome.VOIDED, 2)
    assert not await log.void(second, "interrupted again")
    last = await log.last_submission(code)
    assert last is not None
    assert (last.outcome, last.ref) == (Outcome.ACCEPTED, {"id": "p2"})


@pytest.mark.parametrize("outcome", [Unknown("reset"), Rejected("provider_rejected", "no")])
async def test_what_is_in_doubt_or_refused_is_not_voided(
    records: DatabaseRecords, accept_job: AcceptJob, outcome: Unknown | Rejected
) -> None:
    code = await accept_job()
    first = await intend(records, code, "token-1")
    await records.submissions.conclude(first, outcome)

    assert not await records.submissions.void(first, "interrupted")


async def test_nothing_is_voided_for_a_job_that_has_ended(records: DatabaseRecords, accept_job: AcceptJob) -> None:
    code = await accept_job()
    first = await intend(records, code, "token-1")
    await records.submissions.conclude(first, Accepted({"id": "p1"}))
    error = JobError(code="canceled", message="enough", stage=Stage.QUEUE)
    await records.gate.advance(code, JobStatus.CANCELED, error=error, provider_may_charge=True)

    assert not await records.submissions.void(first, "interrupted")
