"""Rerunning a job creates a new job that is linked to the old one, which keeps its final status."""

from datetime import timedelta

from sqlmodel import Session, col, select

from aijobs.domain.errors import CannotRerun
from aijobs.domain.jobs.events import EventKind
from aijobs.domain.jobs.job import RerunFrom
from aijobs.domain.jobs.record import JobOrder
from aijobs.domain.jobs.submissions import Outcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.ids import new_id
from aijobs.persistence.column_types import now
from aijobs.persistence.jobs import gate
from aijobs.persistence.jobs.acceptance import new_job
from aijobs.persistence.jobs.file_uses import note_uploads
from aijobs.persistence.jobs.job_hooks import ON_RERUN
from aijobs.persistence.jobs.submissions import last_submission
from aijobs.persistence.points import ledger
from aijobs.persistence.tables import JobRow
from aijobs.persistence.tables.jobs import OrderDetails


def rerun_from_start(session: Session, old: JobRow, *, points_due: int, daily_limit: int, by: str) -> JobRow:
    """A new, charged job with the same request. Raises CannotRerun while the old one runs, and PointsExhausted."""
    new = _repetition(old, RerunFrom.START, points_due=points_due, by=by)
    return _accepted(session, old, new, daily_limit=daily_limit)


def rerun_from_migration(session: Session, old: JobRow, *, link_lifetime: timedelta | None, by: str) -> JobRow:
    """A new job that moves the old one's generated outputs, without a charge.

    Raises CannotRerun when the old job was never generated, or the provider no longer has its outputs.
    """
    submission = last_submission(session, old.code)
    if old.generated_at is None or submission is None or submission.outcome is not Outcome.ACCEPTED:
        raise CannotRerun(f"{old.code} was never generated; it can be rerun from the start.")
    if link_lifetime is not None and now() > old.generated_at + link_lifetime:
        raise CannotRerun(f"The provider no longer has the results of {old.code}; it can be rerun from the start.")
    new = _repetition(old, RerunFrom.MIGRATION, points_due=0, by=by)
    _accepted(session, old, new, daily_limit=0)
    new.out_id = str(submission.ref["id"]) if submission.ref else None
    gate.advance(session, new, JobStatus.GENERATED, detail={"rerun_of": old.code})
    new.generated_at, new.resp_json = old.generated_at, old.resp_json
    return new


def _repetition(old: JobRow, start: RerunFrom, *, points_due: int, by: str) -> JobRow:
    if not old.job_status.is_final:
        raise CannotRerun(f"{old.code} is still running.")
    ordered = old.model_dump(include=JobOrder.model_fields.keys() - {"code"})
    order = JobOrder(code=new_id("job"), **ordered)
    details = OrderDetails(**old.model_dump(include={*OrderDetails.model_fields}))
    new = new_job(order, details, points=points_due, created_by=by)
    new.rerun_of, new.rerun_from = old.code, start
    return new


def _accepted(session: Session, old: JobRow, new: JobRow, *, daily_limit: int) -> JobRow:
    session.add(new)
    session.flush()
    note_uploads(session, new)
    gate.record(session, new, EventKind.STATUS, {"rerun_of": old.code, "from": new.rerun_from})
    ledger.reserve(session, new, limit=daily_limit)
    for on_rerun in ON_RERUN:
        on_rerun(session, old, new)
    gate.note(session, old, {"rerun": new.code, "from": new.rerun_from})
    return new


def reruns_of(session: Session, code: str) -> list[str]:
    """The codes of the jobs that repeat this one, in the order in which they were made."""
    return list(session.exec(select(JobRow.code).where(col(JobRow.rerun_of) == code).order_by(col(JobRow.id))))
