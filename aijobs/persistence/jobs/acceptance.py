"""Accepting a job: row, first event and points, in one transaction."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import insert, inspect
from sqlmodel import Session

from aijobs.domain.catalogue import Model
from aijobs.domain.jobs.events import EventKind
from aijobs.domain.jobs.job import JobRequest, RerunFrom
from aijobs.domain.jobs.record import JobOrder, JobRecord
from aijobs.domain.jobs.waiting import Wait, WaitFor
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.ids import new_id
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.jobs import gate
from aijobs.persistence.jobs.file_uses import note_uploads
from aijobs.persistence.points import ledger
from aijobs.persistence.tables import JobRow
from aijobs.persistence.tables.jobs import OrderDetails
from aijobs.persistence.tables.locked_jobs import JOBS
from aijobs.tracing.spans import current_traceparent

#: Names of a job's attributes, and of their columns.
_COLUMNS: Final = tuple((one.key, one.columns[0].key) for one in inspect(JobRow).column_attrs if one.key != "id")
_INSERT: Final = insert(JOBS).inline()


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """A checked request. `params` are the caller's, validated by the model's schema.

    `origin` is the finished job of the same user that the request's action is done to. `batch` is the code of the
    batch that the job is an item of; `is_reserved`: that has just given the job's points back; `rerun_of`: the job
    that the item had before.
    """

    user_id: str
    request: JobRequest
    model: Model
    params: dict[str, Any]
    created_by: str
    daily_limit: int
    origin: str | None = None
    batch: str | None = None
    is_reserved: bool = False
    rerun_of: str | None = None


def accept(session: Session, order: Acceptance) -> JobRow:
    """Insert the job as DRAFT and reserve its points. The row belongs to no Session. Raises PointsExhausted."""
    request, model = order.request, order.model
    ordered = JobOrder(
        code=new_id("job"),
        user_id=order.user_id,
        photo_review_analysis_code=request.photo_review_analysis_code,
        type=request.type or model.type,
        action=request.action,
        channel=model.channel,
        platform=model.platform,
        model=model.model,
        model_id=model.model_id,
        model_name=str(model.model_name),
        model_version=model.model_version,
        asyn=model.asyn,
        output_count=request.output_count,
        priority=request.priority,
    )
    details = OrderDetails(
        extra=request.metadata,
        callback_url=request.callback_url,
        params=order.params,
        origin=order.origin,
    )
    job = new_job(ordered, details, points=model.price(request.output_count), created_by=order.created_by)
    if order.batch is not None:
        job.batch_code, job.traceparent = order.batch, None  # a trace of its own: a batch may have a million items
    job.rerun_of, job.rerun_from = order.rerun_of, RerunFrom.START if order.rerun_of else None
    detail: dict[str, Any] = {"origin": job.origin, "action": job.action} if job.origin else {}
    detail |= _schedule(job, request)
    first = gate.next_event(job, EventKind.STATUS, detail)
    connection_of(session).execute(_INSERT, {column: getattr(job, name) for name, column in _COLUMNS})
    gate.insert_event(session, first)
    note_uploads(session, job)
    if order.is_reserved:
        ledger.reserve_again(session, job)
    else:
        ledger.reserve(session, job, limit=order.daily_limit)
    if order.origin:
        gate.note(session, gate.locked_job(session, order.origin), {"action": job.action, "job": job.code})
    return job


def _schedule(job: JobRow, request: JobRequest) -> dict[str, Any]:
    """Set when a new job starts, and by when it must. Returns what its first event says of it."""
    job.expires_at = request.expires_at
    if request.start_at is None or request.start_at <= job.create_time:
        return {}
    job.start_at = request.start_at
    wait = Wait(kind=WaitFor.SCHEDULE, since=job.create_time, next_at=request.start_at, gives_up_at=request.expires_at)
    job.waiting = wait.stored()
    return {"waiting": wait.shown().model_dump(mode="json")}


def new_job(order: JobOrder, details: OrderDetails, *, points: int, created_by: str) -> JobRow:
    """The row of a new job, as DRAFT, which goes on in the current trace."""
    accepted_at = now()
    record = JobRecord(**vars(order), create_date=accepted_at.date(), job_status=JobStatus.DRAFT)
    return JobRow(
        **vars(record),
        **details.model_dump(),
        points=points,
        create_by=created_by,
        create_time=accepted_at,
        update_time=accepted_at,
        traceparent=current_traceparent(),
    )
