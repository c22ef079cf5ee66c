"""How batches stand: counted by the items' statuses, with a rate and an end in sight."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Integer, bindparam, case, func, type_coerce
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from aijobs.domain.errors import NotFound
from aijobs.domain.jobs.batches.batch import RATE_WINDOW, BatchProgress, BatchStatus
from aijobs.domain.jobs.events import rfc3339
from aijobs.domain.lifecycle import BAD_ENDS, ENDS, JobStatus
from aijobs.persistence.batches.ends import ITEMS
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.owned import id_behind, owned
from aijobs.persistence.paging import page_of
from aijobs.persistence.tables import BatchItemRow, BatchRow
from aijobs.persistence.tables.locked_jobs import JOBS

MIN_ELAPSED: Final = timedelta(seconds=1)

_OF_BATCH: Final = ITEMS.c.batch_id == bindparam("of_batch")
_COUNTED: Final = (
    select_columns(ITEMS.c.job_status, func.count(), func.sum(ITEMS.c.charged))
    .where(_OF_BATCH)
    .group_by(ITEMS.c.job_status)
)
#: The jobs that run, of which there are no more than the batch's concurrency.
_UNDER_WAY: Final = (
    select_columns(JOBS.c.job_status, func.count())
    .select_from(ITEMS.join(JOBS, JOBS.c.code == ITEMS.c.job_code))
    .where(_OF_BATCH, ITEMS.c.job_status == JobStatus.DRAFT)
    .group_by(JOBS.c.job_status)
)
_ENDED_SINCE: Final = select_columns(func.count()).where(_OF_BATCH, ITEMS.c.ended_at > bindparam("since"))


def batch_of(session: Session, code: str, *, user_id: str | None, locked: bool = False) -> BatchRow:
    """A batch, the user's where one is named. Raises NotFound."""
    batch = owned(session, BatchRow, code, user_id=user_id, locked=locked)
    if batch.batch_status == BatchStatus.LOADING:
        raise NotFound(f"There is no batch {code}.")
    return batch


def batches_page(
    session: Session, *, user_id: str | None, before: str | None, limit: int
) -> tuple[list[tuple[BatchRow, BatchProgress]], bool]:
    """Up to `limit` batches, newest first, and whether there are more. Raises BadInput for an unknown `before`."""
    query = select(BatchRow).where(col(BatchRow.deleted).is_(False), col(BatchRow.batch_status) != BatchStatus.LOADING)
    if user_id is not None:
        query = query.where(col(BatchRow.user_id) == user_id)
    if before is not None:
        query = query.where(col(BatchRow.id) < id_behind(session, BatchRow, before, user_id=user_id))
    rows, has_more = page_of(session, query.order_by(col(BatchRow.id).desc()), limit=limit)
    return [(row, progress_of(session, row)) for row in rows], has_more


def batch_and_progress(session: Session, code: str, *, user_id: str | None) -> tuple[BatchRow, BatchProgress]:
    """Raises NotFound."""
    batch = batch_of(session, code, user_id=user_id)
    return batch, progress_of(session, batch)


def progress_of(session: Session, batch: BatchRow) -> BatchProgress:
    connection, of_batch = connection_of(session), {"of_batch": batch.id}
    by_item = connection.execute(_COUNTED, of_batch).all()
    counts: Counter[JobStatus] = Counter({status: count for status, count, _ in by_item if status in ENDS})
    waiting = sum(count for status, count, _ in by_item if status is None)
    counts[JobStatus.DRAFT] += waiting
    for status, count in connection.execute(_UNDER_WAY, of_batch):
        counts[status] += count
    # A job may have begun or ended between the two statements of a read that is no snapshot.
    counts[JobStatus.DRAFT] = max(counts[JobStatus.DRAFT] + batch.total - counts.total(), 0)
    rate = _rate(session, batch)
    left = batch.total - sum(count for status, count in counts.items() if status.is_final)
    is_moving = batch.batch_status == BatchStatus.RUNNING and rate is not None and rate > 0
    return BatchProgress(
        total=batch.total,
        counts={status: counts[status] for status in JobStatus if counts[status]},
        waiting=waiting,
        charged=batch.charged_before + int(sum(charged or 0 for _, _, charged in by_item)),
        rate_per_minute=rate,
        estimated_end=now() + timedelta(minutes=left / rate) if is_moving and rate and left else None,
    )


def _rate(session: Session, batch: BatchRow) -> float | None:
    """Items that end in a minute, lately: over the whole time of a batch that is over. None before the first one."""
    began = max(filter(None, (batch.running_since, batch.start_at)), default=batch.create_time)
    until = batch.ended_at or now()
    since = began if batch.ended_at else max(began, until - RATE_WINDOW)
    if until <= since:
        return None
    ended: int = connection_of(session).execute(_ENDED_SINCE, {"of_batch": batch.id, "since": since}).scalar_one()
    elapsed = max(until - since, MIN_ELAPSED)
    return round(60 * ended / elapsed.total_seconds(), 2) if ended else None


@dataclass(frozen=True)
class ShownItem:
    """An item with its status as it is now, and the error of its job."""

    row: BatchItemRow
    status: JobStatus
    error: dict[str, Any] | None


def items_page(
    session: Session,
    code: str,
    *,
    user_id: str | None,
    statuses: Sequence[JobStatus],
    after: int | None,
    limit: int,
) -> tuple[list[ShownItem], bool]:
    """Items in their order behind the number `after`, and whether there are more.

    DRAFT are also those that have no job yet. Raises NotFound.
    """
    batch = batch_of(session, code, user_id=user_id)
    query = (
        select(BatchItemRow, JOBS.c.job_status, JOBS.c.error)
        .outerjoin(JOBS, JOBS.c.code == ITEMS.c.job_code)
        .where(col(BatchItemRow.batch_id) == batch.id)
        .order_by(col(BatchItemRow.number))
    )
    if after is not None:
        query = query.where(col(BatchItemRow.number) > after)
    if statuses:
        query = query.where(func.coalesce(_now_status(), 0).in_([int(status) for status in statuses]))
    rows, has_more = page_of(session, query, limit=limit)
    return [ShownItem(item, _status_of(item, status), error) for item, status, error in rows], has_more


def _now_status() -> Any:
    """The item's own end, which a canceled one has without a job; else its job's status."""
    ended = ITEMS.c.job_status.in_(ENDS)
    return case(
        (ended, type_coerce(ITEMS.c.job_status, Integer)),
        (ITEMS.c.job_status.is_(None), 0),
        else_=type_coerce(JOBS.c.job_status, Integer),
    )


def _status_of(item: BatchItemRow, job_status: JobStatus | None) -> JobStatus:
    if item.job_status is None:
        return JobStatus.DRAFT
    return item.job_status if item.job_status.is_final else job_status or JobStatus.DRAFT


def failures_of(session: Session, batch: BatchRow, *, at_most: int) -> list[tuple[str, str, int]]:
    """Codes of errors with one message of each and how often they came, the most frequent first."""
    code = JOBS.c.error["code"].as_string()
    message = func.max(JOBS.c.error["message"].as_string())
    query = (
        select_columns(code, message, func.count())
        .select_from(ITEMS.join(JOBS, JOBS.c.code == ITEMS.c.job_code))
        .where(
            ITEMS.c.batch_id == batch.id,
            ITEMS.c.job_status.in_(BAD_ENDS),
        )
        .group_by(code)
        .order_by(func.count().desc(), code)
        .limit(at_most)
    )
    rows = connection_of(session).execute(query).all()
    return [(found or "", text or "", int(count)) for found, text, count in rows]


def summary_of(batch: BatchRow, progress: BatchProgress, *, at: datetime) -> dict[str, Any]:
    """How a batch ended, as JSON: what its webhook tells."""
    return {
        "at": rfc3339(at),
        "code": batch.code,
        "user_id": batch.user_id,
        "model_id": batch.model_id,
        "status": batch.batch_status,
        "total": progress.total,
        "counts": counts_by_name(progress.counts),
        "points": batch.total * batch.unit_points,
        "charged": progress.charged,
        "metadata": batch.extra,
    }


def counts_by_name(counts: Mapping[JobStatus, int]) -> dict[str, int]:
    return {status.name: count for status, count in sorted(counts.items())}


def is_over(moment: datetime | None) -> bool:
    """Whether a moment, if there is one, has come."""
    return moment is not None and moment <= now()
