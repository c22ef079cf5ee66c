"""Hooks of products (photo reviews, documents, batches) in the life of a job. The core knows products only by these."""

from typing import Final, Protocol

from sqlmodel import Session

from aijobs.domain.jobs.job import JobError
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import EntryKind
from aijobs.persistence import photo_reviews
from aijobs.persistence.batches import ends as batch_items
from aijobs.persistence.documents import rows
from aijobs.persistence.tables import JobRow
from aijobs.persistence.tables.locked_jobs import AnyJob


class OnFinal(Protocol):
    """Called when a locked job ends, in that transaction. `closing` closes its points. Returns the error to show."""

    def __call__(
        self, session: Session, job: AnyJob, to: JobStatus, error: JobError | None, *, closing: EntryKind | None
    ) -> JobError | None: ...


class OnRerun(Protocol):
    """Called when a rerun is accepted, in that transaction."""

    def __call__(self, session: Session, old: JobRow, new: JobRow) -> None: ...


class OnDropped(Protocol):
    """Called when a job's outputs are dropped, in that transaction."""

    def __call__(self, session: Session, job_code: str) -> None: ...


class OnRefunded(Protocol):
    """Called before held points of a locked job that has ended are given back, in that transaction."""

    def __call__(self, session: Session, job: JobRow) -> None: ...


ON_FINAL: Final[tuple[OnFinal, ...]] = (photo_reviews.on_job_final, batch_items.on_job_final)
ON_RERUN: Final[tuple[OnRerun, ...]] = (photo_reviews.on_job_rerun,)
ON_REFUNDED: Final[tuple[OnRefunded, ...]] = (batch_items.on_points_refunded,)
ON_DROPPED: Final[tuple[OnDropped, ...]] = (rows.on_outputs_dropped,)
