"""What products add to the life of a job. The core asks these tables, and knows nothing else of any product."""

from typing import Final, Protocol

from sqlmodel.ext.asyncio.session import AsyncSession

from aijobs.domain.jobs.job import JobError
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import EntryKind
from aijobs.persistence import photo_reviews
from aijobs.persistence.documents import rows
from aijobs.persistence.tables import JobRow


class OnFinal(Protocol):
    """A locked job ends, in this transaction. `closing` is how its points do. Returns the error to show."""

    async def __call__(
        self, session: AsyncSession, job: JobRow, to: JobStatus, error: JobError | None, *, closing: EntryKind | None
    ) -> JobError | None: ...


class OnRerun(Protocol):
    """A job is accepted, in this transaction, that repeats another."""

    async def __call__(self, session: AsyncSession, old: JobRow, new: JobRow) -> None: ...


class OnDropped(Protocol):
    """A job's outputs are dropped, in this transaction."""

    async def __call__(self, session: AsyncSession, job_code: str) -> None: ...


ON_FINAL: Final[tuple[OnFinal, ...]] = (photo_reviews.on_job_final,)
ON_RERUN: Final[tuple[OnRerun, ...]] = (photo_reviews.on_job_rerun,)
ON_DROPPED: Final[tuple[OnDropped, ...]] = (rows.on_outputs_dropped,)
