"""Pausing, resuming and canceling a batch, and running again what failed. The batch is locked."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import exists, func, update
from sqlalchemy import select as select_columns
from sqlmodel import Session, col

from aijobs.domain.errors import BatchIsFinal, CannotRerun
from aijobs.domain.jobs.batches.batch import BatchStatus, PauseReason, Reserve
from aijobs.domain.jobs.retention import LetGo
from aijobs.domain.lifecycle import BAD_ENDS, JobStatus
from aijobs.persistence.batches import reservations
from aijobs.persistence.batches.ends import ITEMS
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.tables import BatchRow, ErasureRow
from aijobs.persistence.tables.locked_jobs import JOBS

#: Then the parameters of an item are gone, which would be sent without them.
_JOB_IS_ERASED: Final = exists().where(JOBS.c.code == ITEMS.c.job_code, JOBS.c.let_go.op("&")(int(LetGo.JOB)) != 0)
_USER_IS_ERASED: Final = exists().where(col(ErasureRow.pseudonym) == ITEMS.c.user_id)

CANCELED: Final = {"code": "canceled", "message": "The batch was canceled before it started."}


def pause(batch: BatchRow) -> None:
    """A second call changes nothing. Raises BatchIsFinal."""
    _require_unfinished(batch)
    if batch.batch_status == BatchStatus.RUNNING:
        batch.batch_status, batch.pause_reason, batch.update_time = BatchStatus.PAUSED, PauseReason.OWNER, now()


def resume(batch: BatchRow) -> None:
    """A second call changes nothing. Raises BatchIsFinal."""
    _require_unfinished(batch)
    if batch.batch_status == BatchStatus.PAUSED:
        batch.batch_status, batch.pause_reason = BatchStatus.RUNNING, None
        batch.running_since = batch.update_time = now()


def cancel(session: Session, batch: BatchRow) -> None:
    """Nothing more is started, and what is reserved for it goes back. A second call changes nothing.

    Raises BatchIsFinal.
    """
    if batch.batch_status == BatchStatus.CANCELED:
        return
    _require_unfinished(batch)
    batch.batch_status, batch.pause_reason, batch.update_time = BatchStatus.CANCELED, None, now()
    cancel_waiting(session, batch, error=CANCELED)


def cancel_waiting(session: Session, batch: BatchRow, *, error: Mapping[str, Any]) -> None:
    """End the items that have no job yet, and give back the points that are reserved for them."""
    assert batch.id is not None, "what was read has an id"
    waiting = update(ITEMS).where(ITEMS.c.batch_id == batch.id, ITEMS.c.job_status.is_(None))
    ended = {"job_status": JobStatus.CANCELED, "error": dict(error), "ended_at": now()}
    connection_of(session).execute(waiting.values(**ended))
    reservations.give_back(session, batch.id)


def rerun_failed(session: Session, batch: BatchRow, *, daily_limit: int) -> int:
    """Let the items that ended badly wait again, as new jobs that are charged anew. Returns how many there are.

    Those of which it is erased what they were to do stay as they are. Raises CannotRerun when there are no others, and
    PointsExhausted.
    """
    assert batch.id is not None, "what was read has an id"
    of_batch = (ITEMS.c.batch_id == batch.id, ITEMS.c.job_status.in_(BAD_ENDS), ~_JOB_IS_ERASED, ~_USER_IS_ERASED)
    connection = connection_of(session)
    by_user = select_columns(ITEMS.c.user_id, func.count(), func.sum(ITEMS.c.charged)).where(*of_batch)
    failed = connection.execute(by_user.group_by(ITEMS.c.user_id)).all()
    if not failed:
        raise CannotRerun(f"No item of {batch.code} has failed, or of each that has it is erased what it was to do.")
    if batch.reserve == Reserve.WHOLE:
        points_of = {user: count * batch.unit_points for user, count, _ in failed}
        reservations.reserve_whole(session, batch.id, points_of, daily_limit=daily_limit)
    batch.charged_before += int(sum(charged for _, _, charged in failed))
    waiting = {"job_status": None, "charged": 0, "error": None, "ended_at": None}
    connection.execute(update(ITEMS).where(*of_batch).values(**waiting))
    batch.batch_status, batch.pause_reason, batch.ended_at = BatchStatus.RUNNING, None, None
    batch.start_at = batch.expires_at = None
    batch.running_since = batch.update_time = now()
    return sum(count for _, count, _ in failed)


def _require_unfinished(batch: BatchRow) -> None:
    if batch.ended_at is not None or batch.batch_status in {BatchStatus.DONE, BatchStatus.CANCELED}:
        raise BatchIsFinal(f"{batch.code} has ended.")
