"""The database, as the steps of a job need it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from aijobs.domain.jobs.job import JobBrief, JobError, JobState
from aijobs.domain.jobs.outputs import StoredOutput
from aijobs.domain.jobs.submissions import ProviderRequest, Submission, SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import JobInput, UploadedFile


class Records(Protocol):
    """The database, as the steps of a job need it. Every method is one transaction; repeating one changes nothing."""

    async def assignment(self, code: str) -> JobInput:
        """Raises NotFound."""
        ...

    async def uploaded_file(self, code: str, *, user_id: str) -> UploadedFile:
        """Raises NotFound, also for somebody else's file."""
        ...

    async def last_submission(self, code: str) -> Submission | None: ...

    async def intend(self, code: str, *, provider: str, token: str, request: ProviderRequest) -> Submission:
        """Note that a request is about to leave. Raises SubmissionExists unless the ones before it were rejected."""
        ...

    async def conclude(self, submission: Submission, outcome: SubmitOutcome) -> JobState:
        """Note what became of a submission. Accepted and unknown make the job SUBMITTED; accepted is never undone."""
        ...

    async def known_ids(self, provider: str, *, since: datetime) -> frozenset[str]:
        """The provider's ids of submissions that were accepted since then."""
        ...

    async def advance(
        self,
        code: str,
        to: JobStatus,
        *,
        error: JobError | None = None,
        detail: Mapping[str, Any] | None = None,
        answer: Mapping[str, Any] | None = None,
        provider_may_charge: bool = False,
    ) -> JobState:
        """The one gate. Returns how the job stands afterwards, which is further when the move came too late."""
        ...

    async def keep_answer(self, code: str, answer: Mapping[str, Any]) -> None:
        """The provider's last answer, for whoever wants to know why a job failed. Ended jobs keep theirs."""
        ...

    async def progress(
        self, code: str, status: JobStatus, unit: float, *, stage: tuple[int, int] | None = None
    ) -> None:
        """Coalesced to two events a second. `stage`: the present one, and how many there are; each new one shows."""
        ...

    async def outputs(self, code: str) -> list[StoredOutput]: ...

    async def begin_write(self, key: str, *, job_code: str) -> None:
        """Note that an output is about to be written to the store. Raises JobIsFinal."""
        ...

    async def add_outputs(self, code: str, *outputs: StoredOutput) -> None:
        """The outputs are in the store. Raises JobIsFinal when the job has ended without them: they must be deleted."""
        ...

    async def drop_outputs(self, code: str) -> list[str]:
        """Forget a job's outputs; returns the keys that must be deleted from the store, half-written ones too."""
        ...

    async def clear_conversation(self, code: str) -> None:
        """Erase what was said for a job, if anything was; what it cost is kept. Nothing can be said after that."""
        ...

    async def abandoned_writes(self, *, older_than: timedelta) -> list[str]:
        """Keys that were begun so long ago and are nobody's."""
        ...

    async def forget_write(self, key: str) -> None: ...

    async def record_late_outcome(self, code: str, status: JobStatus, answer: Mapping[str, Any]) -> None:
        """The provider's final word on a job that ended before it: settles or refunds what is held, unless somebody
        has decided already, and is noted in the job's history."""
        ...

    async def note(self, code: str, detail: Mapping[str, Any]) -> None:
        """Add a line to a job's history that changes nothing else."""
        ...

    async def unfinished(self, *, quiet_for: timedelta, after: str, at_most: int) -> list[JobBrief]:
        """Jobs that are not final and of which nothing was heard for so long, by code, those behind `after`."""
        ...

    async def final_among(self, codes: Sequence[str], *, quiet_for: timedelta) -> list[str]:
        """Those of the jobs that have been final for so long."""
        ...

    async def forget_unanswered(self, *, older_than: timedelta) -> int:
        """Drop idempotency keys whose request died before it was answered; returns how many."""
        ...
