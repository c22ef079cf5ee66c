"""Submissions: at most one that may have arrived."""

import pytest

from aijobs.domain.errors import SubmissionExists
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
