"""Submissions in the database. Every method is one transaction; repeating one changes nothing."""

from datetime import datetime
from typing import Protocol, Unpack

from aijobs.domain.jobs.circuits import Trial
from aijobs.domain.jobs.job import JobState
from aijobs.domain.jobs.submissions import Ref, Sending, Submission, SubmitOutcome
from aijobs.domain.provider_io import SubmitInput


class SubmissionLog(Protocol):
    """Every attempt to hand a job to its provider."""

    async def submit_input(self, code: str) -> SubmitInput:
        """What a submit needs, in one read. Raises UnknownJob, and NotFound when the job is deleted."""
        ...

    async def last_submission(self, code: str) -> Submission | None: ...

    async def intend(self, code: str, **sending: Unpack[Sending]) -> Submission:
        """Note that a request is about to leave.

        Raises JobIsFinal, CancelRequested and DeadlinePassed: then nothing is sent any more. Raises SubmissionExists
        unless the ones before it came to nothing. Raises SlotAwaited where as much is in flight as may be: the job
        waits in line, and is sent when it has a slot.
        """
        ...

    async def intend_again(self, submission: Submission) -> None:
        """Note that a request whose outcome is unknown is about to leave once more.

        Raises JobIsFinal, CancelRequested and DeadlinePassed: then nothing is sent any more.
        """
        ...

    async def conclude(self, submission: Submission, outcome: SubmitOutcome, *, trial: Trial | None = None) -> JobState:
        """Note what became of a submission. Accepted and unknown make the job SUBMITTED; accepted is never undone.

        `trial` is with which credential it was sent just now: what the outcome says of that is noted with it.
        """
        ...

    async def void(self, submission: Submission, why: str) -> bool:
        """Note that the provider has made nothing of a submission, so that it may be sent once more.

        False, and nothing is noted, when another of the job's was voided before, or when nothing is sent any more.
        A second call for the same submission gives the same.
        """
        ...

    async def known_ids(self, provider: str, *, since: datetime) -> frozenset[str]:
        """The provider's ids of submissions that were accepted since then."""
        ...

    async def may_be_anothers(self, provider: str, submission: Submission, ref: Ref) -> bool:
        """Whether what a search has found for a submission is, or may be, what another one has sent.

        To be asked after the search: whoever sends the same later has made nothing that it could have found.
        """
        ...
