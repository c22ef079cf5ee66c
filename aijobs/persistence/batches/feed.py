"""Feeding a batch: jobs are accepted for its free places, in the transaction that takes the places."""

import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import bindparam, func, update
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from aijobs.domain.catalogue import Catalogue, Model
from aijobs.domain.errors import PointsExhausted, UnknownModel
from aijobs.domain.jobs.batches.batch import BatchLook, BatchPhase, BatchStatus, BatchStep, PauseReason, Reserve
from aijobs.domain.jobs.job import JobBrief, JobRequest
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.webhooks import EventType
from aijobs.persistence.added_models import model_of
from aijobs.persistence.batches import loading, reservations
from aijobs.persistence.batches.ends import ITEMS
from aijobs.persistence.batches.queries import is_over, progress_of, summary_of
from aijobs.persistence.batches.steering import cancel_waiting
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.jobs import acceptance, gate
from aijobs.persistence.jobs.acceptance import Acceptance
from aijobs.persistence.jobs.queries import brief_of
from aijobs.persistence.jobs.starts import note_start
from aijobs.persistence.points import ledger
from aijobs.persistence.tables import BatchItemRow, BatchRow, JobRow
from aijobs.persistence.tables.locked_jobs import lock
from aijobs.persistence.webhooks.outbox import enqueue_payload

AT_ONCE: Final = 10
"""Jobs that one transaction accepts: others wait for it, on SQLite all writers, and the first job for the last one."""

TRIES: Final = 3  #: of a step whose user spends points elsewhere at the same moment

LOOK_AGAIN: Final = timedelta(minutes=5)
"""How long a batch that waits for somebody sleeps at most. Whoever changes it wakes it."""

EXPIRED: Final = {"code": "expired", "message": "It had not started when the batch expired."}

_IN_FLIGHT: Final = select_columns(func.count()).where(
    ITEMS.c.batch_id == bindparam("of_batch"), ITEMS.c.job_status == JobStatus.DRAFT
)
_WAITING: Final = (
    select_columns(ITEMS.c.number)
    .where(ITEMS.c.batch_id == bindparam("of_batch"), ITEMS.c.job_status.is_(None), ITEMS.c.charged == 0)
    .order_by(ITEMS.c.number)
)
_TAKE_PLACE: Final = (
    update(ITEMS)
    .where(ITEMS.c.batch_id == bindparam("of_batch"), ITEMS.c.number == bindparam("of_number"))
    .values(job_code=bindparam("of_job"), job_status=JobStatus.DRAFT)
)

FEEDING: Final = BatchLook(phase=BatchPhase.FEEDING)
OVER: Final = BatchLook(phase=BatchPhase.OVER)


class DatabaseBatchFeed:
    """Implements BatchFeed."""

    def __init__(self, database: Database, catalogue: Catalogue, *, daily_limit: int) -> None:
        self._database = database
        self._catalogue = catalogue
        self._daily_limit = daily_limit

    async def step(self, code: str) -> BatchStep:
        for attempt in itertools.count(1):
            if not await self._database.read(_has_work, code):
                break
            try:
                return await self._database.write(self._step, code)
            except PointsExhausted:  # somebody has taken them since the step looked, as happens on PostgreSQL
                if attempt == TRIES:
                    raise
        return await self._database.read(_idle_step, code)

    async def request_cancel(self, job_code: str) -> bool:
        return await self._database.write(_request_cancel, job_code)

    async def unfinished(self, *, after: str, at_most: int) -> Sequence[str]:
        return await self._database.read(_unfinished, after=after, at_most=at_most)

    async def forget_unloaded(self, *, older_than: timedelta) -> int:
        batches = await self._database.read(loading.unloaded, older_than=older_than)
        for batch_id in batches:
            await self._database.write(loading.discard, batch_id)
        return len(batches)

    def _step(self, session: Session, code: str) -> BatchStep:
        batch = _batch(session, code, locked=True)
        if batch is None or batch.ended_at is not None:
            return BatchStep(look=OVER)
        if is_over(batch.expires_at):
            cancel_waiting(session, batch, error=EXPIRED)
        places = batch.concurrency - _in_flight(session, batch)
        if batch.batch_status != BatchStatus.RUNNING or (batch.start_at and batch.start_at > now()):
            places = 0
        accepted = self._accept(session, batch, min(places, AT_ONCE)) if places > 0 else []
        if not accepted and not _is_any_waiting(session, batch) and _in_flight(session, batch) == 0:
            _end(session, batch)
            return BatchStep(look=OVER)
        return BatchStep(look=FEEDING, accepted=accepted)

    def _accept(self, session: Session, batch: BatchRow, places: int) -> list[JobBrief]:
        items = _waiting(session, batch, at_most=places)
        try:
            model = model_of(session, self._catalogue, batch.model_id)
        except UnknownModel:
            if items:
                _pause(batch, PauseReason.MODEL)
            return []
        briefs = []
        for item in items:
            if batch.reserve == Reserve.BY_ROW and not self._can_pay(session, batch, item.user_id):
                _pause(batch, PauseReason.POINTS)
                break
            job = self._accept_item(session, batch, model, item)
            briefs.append(brief_of(job, self._catalogue))
        return briefs

    def _accept_item(self, session: Session, batch: BatchRow, model: Model, item: BatchItemRow) -> JobRow:
        assert batch.id is not None, "what was read has an id"
        request = JobRequest(
            model_id=batch.model_id,
            params=item.params,
            output_count=batch.output_count,
            metadata=item.extra,
            callback_url=batch.item_callback_url,
        )
        if batch.reserve == Reserve.WHOLE:
            reservations.hand_over(session, batch.id, item.user_id, batch.unit_points)
        order = Acceptance(
            user_id=item.user_id,
            request=request,
            model=model.model_copy(update={"unit_point": batch.unit_points // batch.output_count}),
            params=item.params,
            created_by=batch.create_by or "",
            daily_limit=self._daily_limit,
            batch=batch.code,
            is_reserved=batch.reserve == Reserve.WHOLE,
            rerun_of=item.job_code,
        )
        job = acceptance.accept(session, order)
        note_start(session, job.code)
        place = {"of_batch": batch.id, "of_number": item.number, "of_job": job.code}
        connection_of(session).execute(_TAKE_PLACE, place)
        return job

    def _can_pay(self, session: Session, batch: BatchRow, user_id: str) -> bool:
        limit = ledger.limit_of(session, user_id, default=self._daily_limit)
        return ledger.today(session, user_id, now().date()).used + batch.unit_points <= limit or not batch.unit_points


def _batch(session: Session, code: str, *, locked: bool = False) -> BatchRow | None:
    query = select(BatchRow).where(col(BatchRow.code) == code)
    return session.exec(query.with_for_update() if locked else query).one_or_none()


def _in_flight(session: Session, batch: BatchRow) -> int:
    count: int = connection_of(session).execute(_IN_FLIGHT, {"of_batch": batch.id}).scalar_one()
    return count


def _is_any_waiting(session: Session, batch: BatchRow) -> bool:
    return connection_of(session).execute(_WAITING.limit(1), {"of_batch": batch.id}).first() is not None


def _waiting(session: Session, batch: BatchRow, *, at_most: int) -> list[BatchItemRow]:
    numbers = connection_of(session).execute(_WAITING.limit(at_most), {"of_batch": batch.id}).scalars().all()
    query = select(BatchItemRow).where(col(BatchItemRow.batch_id) == batch.id, col(BatchItemRow.number).in_(numbers))
    return list(session.exec(query.order_by(col(BatchItemRow.number))))


def _has_work(session: Session, code: str) -> bool:
    """Whether a step would write. Most looks at a batch find nothing to do, and take no lock."""
    batch = _batch(session, code)
    if batch is None or batch.ended_at is not None:
        return False
    in_flight, is_any_waiting = _in_flight(session, batch), _is_any_waiting(session, batch)
    if not is_any_waiting:
        return in_flight == 0
    if is_over(batch.expires_at):
        return True
    is_started = batch.start_at is None or is_over(batch.start_at)
    return batch.batch_status == BatchStatus.RUNNING and is_started and in_flight < batch.concurrency


def _idle_step(session: Session, code: str) -> BatchStep:
    batch = _batch(session, code)
    if batch is None or batch.ended_at is not None:
        return BatchStep(look=OVER)
    if batch.batch_status == BatchStatus.CANCELED:
        return BatchStep(look=FEEDING, to_cancel=_jobs_in_flight(session, batch))
    moments = [moment for moment in (batch.start_at, batch.expires_at) if moment and moment > now()]
    sleeps = [LOOK_AGAIN, *(moment - now() for moment in moments)]
    if batch.start_at is not None and batch.start_at > now():
        return BatchStep(look=BatchLook(phase=BatchPhase.RESTING, look_after=max(min(sleeps), timedelta())))
    if batch.batch_status == BatchStatus.PAUSED and _in_flight(session, batch) == 0:
        return BatchStep(look=BatchLook(phase=BatchPhase.RESTING, look_after=max(min(sleeps), timedelta())))
    return BatchStep(look=FEEDING)


def _jobs_in_flight(session: Session, batch: BatchRow) -> list[str]:
    found = session.exec(
        select(BatchItemRow.job_code).where(
            col(BatchItemRow.batch_id) == batch.id, col(BatchItemRow.job_status) == JobStatus.DRAFT
        )
    )
    return [code for code in found if code is not None]


def _request_cancel(session: Session, job_code: str) -> bool:
    job = lock(session, job_code)
    if job.job_status.is_final:
        return False
    gate.note_cancel_request(session, job, reason="Its batch was canceled.")
    job.save(session)
    return True


def _pause(batch: BatchRow, reason: PauseReason) -> None:
    batch.batch_status, batch.pause_reason, batch.update_time = BatchStatus.PAUSED, reason, now()


def _end(session: Session, batch: BatchRow) -> None:
    """Every item has ended: the batch has, and tells so."""
    assert batch.id is not None, "what was read has an id"
    if batch.batch_status != BatchStatus.CANCELED:
        batch.batch_status, batch.pause_reason = BatchStatus.DONE, None
    batch.ended_at = batch.update_time = now()
    batch.version += 1
    reservations.give_back(session, batch.id)
    reservations.forget(session, batch.id)
    is_canceled = batch.batch_status == BatchStatus.CANCELED
    enqueue_payload(
        session,
        EventType.BATCH_CANCELED if is_canceled else EventType.BATCH_DONE,
        batch.user_id,
        summary_of(batch, progress_of(session, batch), at=batch.ended_at),
        callback_url=batch.callback_url,
    )


def _unfinished(session: Session, *, after: str, at_most: int) -> list[str]:
    query = select(BatchRow.code).where(
        col(BatchRow.ended_at).is_(None),
        col(BatchRow.code) > after,
        col(BatchRow.batch_status) != BatchStatus.LOADING,
    )
    return list(session.exec(query.order_by(col(BatchRow.code)).limit(at_most)))
