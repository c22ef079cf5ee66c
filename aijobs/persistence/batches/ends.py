"""What the end of a job means for the item of a batch."""

from typing import Final

from sqlalchemy import Table, bindparam, update
from sqlmodel import Session

from aijobs.domain.jobs.job import JobError
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import EntryKind
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.tables import BatchItemRow
from aijobs.persistence.tables.locked_jobs import AnyJob

ITEMS: Final[Table] = BatchItemRow.__table__  # type: ignore[attr-defined]

_END: Final = update(ITEMS).where(ITEMS.c.job_code == bindparam("of_job"))


def on_job_final(
    session: Session, job: AnyJob, to: JobStatus, error: JobError | None, *, closing: EntryKind | None
) -> JobError | None:
    """The item of the job has ended, and its batch has a free place. Other jobs are left alone."""
    if job.batch_code is not None:
        charged = 0 if closing is EntryKind.REFUND else job.points
        ended = {"of_job": job.code, "job_status": to, "charged": charged, "ended_at": now()}
        connection_of(session).execute(_END, ended)
    return error
