"""The one gate: nothing else writes a job's status, its progress or its history."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Table, insert
from sqlmodel import Session, col, select

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import CancelRequested, UnknownJob
from aijobs.domain.jobs.events import EventKind
from aijobs.domain.jobs.job import STAGE_OF, JobError, JobState
from aijobs.domain.lifecycle import JobStatus, Move, judge, overall_progress, require_unfinished
from aijobs.domain.points import EntryKind
from aijobs.domain.values.clean_text import clean
from aijobs.domain.values.money import Cost, VendorPrice
from aijobs.persistence.added_models import model_of
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.jobs.endings import Ending, ending_of
from aijobs.persistence.jobs.failure_words import cancel_reason_of, failure_note, in_words
from aijobs.persistence.jobs.job_hooks import ON_FINAL
from aijobs.persistence.jobs.queries import state_of
from aijobs.persistence.points.costs import final_money, set_cost, set_cost_by_outputs
from aijobs.persistence.points.ledger import close
from aijobs.persistence.slots.admission import give_back
from aijobs.persistence.tables import JobEventRow, JobRow
from aijobs.persistence.tables.locked_jobs import AnyJob, lock
from aijobs.persistence.webhooks.outbox import IS_LISTENED_TO, enqueue_deliveries

PROGRESS_PAUSE: Final = timedelta(milliseconds=500)  #: progress is coalesced to two events a second, statuses never

Stage = tuple[int, int] | None
Detail = Mapping[str, Any] | None

EVENTS: Final[Table] = JobEventRow.__table__  # type: ignore[attr-defined]
_INSERT_EVENT: Final = insert(EVENTS).inline()
_INSERT_AND_LOOK: Final = insert(EVENTS).returning(IS_LISTENED_TO)


def locked_job(session: Session, code: str) -> JobRow:
    """The job's row, locked until the transaction ends. Raises UnknownJob."""
    found = session.exec(select(JobRow).where(col(JobRow.code) == code).with_for_update())
    row = found.one_or_none()
    if row is None:
        raise UnknownJob(f"There is no job {code}.")
    return row


def unfinished_job(session: Session, code: str) -> JobRow:
    """As `locked_job`, for a job that has not ended. Raises UnknownJob and JobIsFinal."""
    job = locked_job(session, code)
    require_unfinished(code, job.job_status)
    return job


def advance(
    session: Session,
    job: AnyJob,
    to: JobStatus,
    *,
    error: JobError | None = None,
    detail: dict[str, Any] | None = None,
    closing: EntryKind | None = None,
    price: VendorPrice | None = None,
    slot_until: datetime | None = None,
) -> Move:
    """Move a locked job to a status: row, event and, when it is final, points, in the caller's one transaction.

    `closing` is the entry that closes the job's reservation, and goes with a final status; `price` is then that of
    what the job has made, and `slot_until` says how long its provider may be at work all the same. Nothing changes when
    the job is in this status already, or further. Raises IllegalMove.
    """
    move = judge(job.job_status, to)
    if move is not Move.FORWARD:
        return move
    assert (closing is not None) is to.is_final, "a final status, and nothing else, closes the job's reservation"
    if error and to is JobStatus.CANCELED:  # the requester may not know how far the job had come
        error = error.model_copy(update={"stage": STAGE_OF[job.job_status]})
    if to.is_final:
        for on_final in ON_FINAL:
            error = on_final(session, job, to, error, closing=closing)
    if to is JobStatus.GENERATED or to.is_final:
        give_back(session, job, at=slot_until)
    job.job_status = to
    job.unit_progress = None
    job.overall_progress = overall_progress(to, None)
    job.error = error.model_dump(mode="json") if error else None
    job.waiting = None
    _stamp_times(job)
    if to is JobStatus.SUCCESS:
        set_cost_by_outputs(session, job, price)
    said = {**(detail or {}), **({"error": job.error} if error else {})}
    money = final_money(job, closing) if closing is not None else {}
    is_listened_to = record(session, job, EventKind.STATUS, {**said, **money})
    enqueue_deliveries(session, job, EventKind.STATUS, is_listened_to=is_listened_to)
    if closing is not None:
        close(session, job, closing)
    return move


def progress(
    session: Session, job: AnyJob, status: JobStatus, unit: float, *, stage: Stage = None, guessed: Detail = None
) -> bool:
    """Record progress of a locked job within a status. Coalesced, and never decreasing. False: it came too soon.

    `stage`: the current stage of a generation and their number; the first event of each stage is always written.
    `guessed`: the progress is estimated; its event is marked so, and says this of the end.
    """
    known = job.unit_progress or 0.0 if stage is None or job.unit_progress is not None else -1.0
    reached = round(min(unit, 100.0), 2)
    if job.job_status is not status or status.is_final or reached <= known:
        return True
    if now() - job.update_time < PROGRESS_PAUSE and reached < 100 and not _begins(stage, known):
        return False
    job.unit_progress, job.overall_progress = reached, overall_progress(status, reached)
    mark = {} if guessed is None else {"estimated": True, **guessed}
    detail = mark | ({"stage": stage[0], "stages": stage[1]} if stage else {})
    is_listened_to = record(session, job, EventKind.PROGRESS, detail)
    enqueue_deliveries(session, job, EventKind.PROGRESS, is_listened_to=is_listened_to)
    return True


def _begins(stage: tuple[int, int] | None, known: float) -> bool:
    return stage is not None and known < round(100 * (stage[0] - 1) / stage[1], 2)


def note(session: Session, job: AnyJob, detail: dict[str, Any]) -> None:
    """Append a note to a locked job's events; nothing else changes."""
    record(session, job, EventKind.NOTE, detail)


def note_cancel_request(session: Session, job: AnyJob, *, reason: str, by: str | None = None) -> bool:
    """Record a cancel request of a locked job, by the key `by`. Returns False when there is one. Raises JobIsFinal."""
    require_unfinished(job.code, job.job_status)
    if cancel_reason_of(session, job) is not None:
        return False
    note(session, job, {"cancel": "requested", "reason": reason} | ({"by": by} if by else {}))
    return True


def require_not_canceled(session: Session, job: AnyJob) -> None:
    """Called before anything is sent that may be charged. Raises JobIsFinal and CancelRequested."""
    require_unfinished(job.code, job.job_status)
    reason = cancel_reason_of(session, job)
    if reason is not None:
        raise CancelRequested(reason)


def record(session: Session, job: AnyJob, kind: EventKind, detail: dict[str, Any]) -> bool:
    """Append an event with the job's next number. The job has been inserted before.

    Returns whether an endpoint listens to this user's jobs: the same statement finds that out.
    """
    event = {**next_event(job, kind, detail), "listener": job.user_id}
    return bool(connection_of(session).execute(_INSERT_AND_LOOK, event).scalar_one())


def next_event(job: AnyJob, kind: EventKind, detail: dict[str, Any]) -> dict[str, Any]:
    """The columns of the job's next event, whose number the job has now."""
    job.event_seq += 1
    job.version += 1
    job.update_time = now()
    return {
        "job_code": job.code,
        "user_id": job.user_id,
        "seq": job.event_seq,
        "at": job.update_time,
        "kind": kind,
        "job_status": job.job_status,
        "unit_progress": job.unit_progress,
        "overall_progress": job.overall_progress,
        "detail": detail,
    }


def insert_event(session: Session, event: dict[str, Any]) -> None:
    """Append what `next_event` returned."""
    connection_of(session).execute(_INSERT_EVENT, event)


def _stamp_times(job: AnyJob) -> None:
    at = now()
    if job.job_status is JobStatus.GENERATED:
        job.generated_at = at
    if job.req_time is None and not JobStatus.GENERATED.is_before(job.job_status):
        job.req_time = at
    if job.resp_time is None and not job.job_status.is_before(JobStatus.GENERATED):
        job.resp_time = at
        job.cost_time = round((at - (job.req_time or job.create_time)).total_seconds(), 3)


class DatabaseJobGate:
    """Implements JobGate."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue

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
        return await self._database.write(
            _advance,
            code,
            to,
            error=error,
            detail=detail or {},
            response=response,
            cost=cost,
            ending_of=partial(self._ending, provider_may_charge=provider_may_charge),
        )

    async def keep_response(
        self, code: str, response: Mapping[str, Any], *, cost: Cost | None = None, error: JobError | None = None
    ) -> None:
        await self._database.write(_keep_response, code, response, cost=cost, error=error)

    async def note_failure(self, code: str, error_code: str, words: str) -> None:
        await self._database.write(_note_failure, code, error_code, words)

    async def progress(
        self, code: str, status: JobStatus, unit: float, *, stage: Stage = None, guessed: Detail = None
    ) -> bool:
        return await self._database.write(_progress, code, status, unit, stage=stage, guessed=guessed)

    async def note(self, code: str, detail: Mapping[str, Any]) -> None:
        await self._database.write(_note, code, detail)

    def _ending(self, session: Session, model_id: str, to: JobStatus, *, provider_may_charge: bool) -> Ending:
        if not to.is_final:
            return {}
        return ending_of(model_of(session, self._catalogue, model_id), to, provider_may_charge=provider_may_charge)


def _advance(
    session: Session,
    code: str,
    to: JobStatus,
    *,
    error: JobError | None,
    detail: Mapping[str, Any],
    response: Mapping[str, Any] | None,
    cost: Cost | None,
    ending_of: Callable[[Session, str, JobStatus], Ending],
) -> JobState:
    job = lock(session, code)
    if job.job_status.is_final:
        return state_of(job)
    if response is not None:
        job.resp_json = clean(dict(response))
    set_cost(job, cost)
    error = in_words(session, job, error) if error else None
    advance(session, job, to, error=error, detail=clean(dict(detail)), **ending_of(session, job.model_id, to))
    job.save(session)
    return state_of(job)


def _keep_response(
    session: Session, code: str, response: Mapping[str, Any], *, cost: Cost | None, error: JobError | None
) -> None:
    job = lock(session, code)
    if not job.job_status.is_final:
        job.resp_json = clean(dict(response))
        set_cost(job, cost)
        if error is not None:
            note(session, job, failure_note(error.code, error.message))
        job.save(session)


def _note_failure(session: Session, code: str, error_code: str, words: str) -> None:
    job = lock(session, code)
    if not job.job_status.is_final:
        note(session, job, failure_note(error_code, words))
        job.save(session)


def _progress(session: Session, code: str, status: JobStatus, unit: float, *, stage: Stage, guessed: Detail) -> bool:
    job = lock(session, code)
    is_recorded = progress(session, job, status, unit, stage=stage, guessed=guessed)
    job.save(session)
    return is_recorded


def _note(session: Session, code: str, detail: Mapping[str, Any]) -> None:
    job = lock(session, code)
    note(session, job, clean(dict(detail)))
    job.save(session)
