"""What the end of a job means for the item of a batch."""

from typing import Final

from sqlalchemy import Table, bindparam, select, update
from sqlmodel import Session

from aijobs.domain.errors import ProviderBlocked
from aijobs.domain.jobs.batches.batch import BatchStatus, PauseReason
from aijobs.domain.jobs.job import JobError
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import EntryKind
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.tables import BatchItemRow, BatchRow, JobRow
from aijobs.persistence.tables.locked_jobs import AnyJob

ITEMS: Final[Table] = BatchItemRow.__table__  # type: ignore[attr-defined]

_BATCHES: Final[Table] = BatchRow.__table__  # type: ignore[attr-defined]

_END: Final = update(ITEMS).where(ITEMS.c.job_code == bindparam("of_job"))

_REFUND: Final = (
    update(ITEMS).where(ITEMS.c.job_code == bindparam("of_job"), ITEMS.c.job_status.is_not(None)).values(charged=0)
)
_OF_BATCH: Final = _BATCHES.c.code == bindparam("of_batch")
_PAUSE: Final = (
    update(_BATCHES)
    .where(_OF_BATCH, _BATCHES.c.batch_status == BatchStatus.RUNNING)
    .values(batch_status=BatchStatus.PAUSED, pause_reason=PauseReason.PROVIDER, update_time=bindparam("update_time"))
)
_LOCK_BATCH: Final = select(_BATCHES.c.id).where(_OF_BATCH).with_for_update()
_REFUND_BEFORE: Final = (
    update(_BATCHES).where(_OF_BATCH).values(charged_before=_BATCHES.c.charged_before - bindparam("less"))
)


def on_job_final(
    session: Session, job: AnyJob, to: JobStatus, error: JobError | None, *, closing: EntryKind | None
) -> JobError | None:
    """The item of the job has ended, and its batch has a free place. Other jobs are left alone.

    One that an account at the provider keeps from being sent pauses its batch: the others would fail as it did.
    """
    if job.batch_code is not None:
        charged = 0 if closing is EntryKind.REFUND else job.points
        ended = {"of_job": job.code, "job_status": to, "charged": charged, "ended_at": now()}
        connection_of(session).execute(_END, ended)
        if error is not None and error.code == ProviderBlocked.code:
            connection_of(session).execute(_PAUSE, {"of_batch": job.batch_code, "update_time": now()})
    return error


def on_points_refunded(session: Session, job: JobRow) -> None:
    """Held points of the job are given back: its item has kept none, or the batch, where the item has run again.

    The batch is locked before its user's day, as whoever feeds the batch does it.
    """
    if job.batch_code is None:
        return
    connection = connection_of(session)
    connection.execute(_LOCK_BATCH, {"of_batch": job.batch_code})
    if connection.execute(_REFUND, {"of_job": job.code}).rowcount == 0:
        connection.execute(_REFUND_BEFORE, {"of_batch": job.batch_code, "less": job.points})
