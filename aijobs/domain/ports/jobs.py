"""Jobs in the database, as their steps need them. Every method is one transaction; repeating one changes nothing."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from aijobs.domain.jobs.job import JobBrief, JobError, JobState
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import JobInput, UploadedFile
from aijobs.domain.values.money import Cost


class JobGate(Protocol):
    """The one way to write a job's status, its progress and its history."""

    async def advance(
        self,
        code: str,
        to: JobStatus,
        *,
        error: JobError | None = None,
        detail: Mapping[str, Any] | None = None,
        response: Mapping[str, Any] | None = None,
        cost: Cost | None = None,
        provider_may_charge: bool = False,
    ) -> JobState:
        """The one gate. Returns how the job stands afterwards, which is further when the move came too late.

        Of an `error` the code is enough, where its words were kept before. `cost` is what the vendor has asked for the
        job, where its answer says that.
        """
        ...

    async def keep_response(
        self, code: str, response: Mapping[str, Any], *, cost: Cost | None = None, error: JobError | None = None
    ) -> None:
        """Store the provider's last response, which explains why a job failed, its bill, and the words of its `error`.

        Changes nothing for ended jobs.
        """
        ...

    async def note_failure(self, code: str, error_code: str, words: str) -> None:
        """Keep what was said when a step failed for good: `advance` finds it by the code of the error.

        Changes nothing for ended jobs.
        """
        ...

    async def progress(
        self,
        code: str,
        status: JobStatus,
        unit: float,
        *,
        stage: tuple[int, int] | None = None,
        guessed: Mapping[str, Any] | None = None,
    ) -> bool:
        """Coalesced to two events a second. `stage`: the present one, and how many there are; each new one shows.
        With `guessed`, the event is marked as estimated, and says this of the end.

        Returns False when it came too soon after the last event, and is to be told again; otherwise nothing is gained
        by repeating it.
        """
        ...

    async def note(self, code: str, detail: Mapping[str, Any]) -> None:
        """Add a line to a job's history that changes nothing else."""
        ...


class JobQueries(Protocol):
    """Reads jobs and uploads."""

    async def state(self, code: str) -> JobState:
        """How a job stands. Raises UnknownJob."""
        ...

    async def assignment(self, code: str) -> JobInput:
        """Raises NotFound."""
        ...

    async def uploaded_file(self, code: str, *, user_id: str) -> UploadedFile:
        """Raises NotFound when the file does not exist or is another user's."""
        ...


class JobStarts(Protocol):
    """Accepted jobs whose workflow is not known to be started."""

    def forgotten(self) -> AsyncIterator[list[JobBrief]]:
        """Jobs that the process which accepted them has not started in time; several at once, for ever.

        Each is claimed for a few seconds, so that others do not start it too; unless `started` is called by then, it
        comes again.
        """
        ...

    async def started(self, codes: Sequence[str]) -> None:
        """Temporal has the workflows of these jobs."""
        ...


class Expiries(Protocol):
    """Jobs that had not started by the time that their orders name."""

    def expired(self) -> AsyncIterator[list[str]]:
        """The codes of jobs that were canceled for it just now, several at once, for ever."""
        ...


class Releases(Protocol):
    """Jobs that a pause has held back, and that may be tried again."""

    def released(self) -> AsyncIterator[list[str]]:
        """Their codes, some at a time, for ever. Each is named once."""
        ...


class StartConditions(Protocol):
    """Whether a job may start now."""

    async def expire(self, code: str) -> JobState:
        """Cancel the job, if it has not started and its time to start is over. Returns how it stands."""
        ...

    async def hold_back(self, code: str, *, provider: str) -> timedelta | None:
        """Note that the job waits for the end of a pause. Returns after which time it looks by itself.

        None: nothing holds it back.
        """
        ...

    async def wait_for_provider(self, code: str, retry_after: timedelta | None) -> None:
        """Note that the provider takes nothing for now, or has no key; it is tried again after this time."""
        ...

    async def unpaused(self, credentials: Sequence[str]) -> list[str]:
        """Those of them that are not paused."""
        ...


class LateOutcomes(Protocol):
    """What a provider says of a job that has ended before."""

    async def record(
        self, code: str, status: JobStatus, response: Mapping[str, Any], *, cost: Cost | None = None
    ) -> None:
        """The provider's final word on a job that ended before it: settles or refunds what is held, unless somebody
        has decided already, and is noted in the job's history."""
        ...
