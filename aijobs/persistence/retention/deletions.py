"""Deleting what has ended: it is gone for its owner in this transaction, and is erased later."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select, update

from aijobs.domain.errors import NotFound, StillInUse
from aijobs.domain.jobs.parameters import named_uploads
from aijobs.domain.values.actors import Actor
from aijobs.domain.values.audit import Act, ActKind, is_somebody_else
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.jobs.file_uses import require_unused
from aijobs.persistence.jobs.gate import locked_job
from aijobs.persistence.owned import owned
from aijobs.persistence.photo_reviews import on_photos_gone
from aijobs.persistence.points.ledger import is_held
from aijobs.persistence.tables import FileRow, JobRow, OutputRow, PhotoBeautifyRow, PhotoReviewRow


def delete_job(session: Session, code: str, actor: Actor) -> None:
    """Raises NotFound, and StillInUse while the job has not ended or its points are held."""
    _delete_jobs(session, [owned(session, JobRow, code, user_id=actor.user_id, locked=True)], actor)


def delete_document(session: Session, code: str, actor: Actor) -> None:
    """A job with the uploads that it names, where no other job needs them still. Raises what `delete_job` raises."""
    delete_job(session, code, actor)
    job = session.exec(select(JobRow).where(col(JobRow.code) == code)).one()
    for file_code in sorted(named_uploads(job.params)):
        try:
            delete_file(session, file_code, Actor(key_id=actor.key_id, user_id=job.user_id))
        except (NotFound, StillInUse):
            continue


def delete_file(session: Session, code: str, actor: Actor) -> None:
    """Raises NotFound, and StillInUse while a job that has not ended names it."""
    file = owned(session, FileRow, code, user_id=actor.user_id, locked=True)
    require_unused(session, file.code, user_id=file.user_id)
    _mark(session, file, actor, at=now())


def delete_review(session: Session, code: str, actor: Actor) -> None:
    """A review with its photo, its jobs and what they made. Raises NotFound, and StillInUse while one of them runs."""
    review = owned(session, PhotoReviewRow, code, user_id=actor.user_id, locked=True)
    codes = session.exec(
        select(JobRow.code).where(
            col(JobRow.photo_review_analysis_code) == code,
            col(JobRow.user_id) == review.user_id,
            col(JobRow.deleted).is_(False),
        )
    )
    _delete_jobs(session, [locked_job(session, job_code) for job_code in sorted(codes)], actor)
    at = now()
    photo = select(FileRow).where(col(FileRow.code) == review.file_code, col(FileRow.deleted).is_(False))
    for file in session.exec(photo.with_for_update()):
        require_unused(session, file.code, user_id=file.user_id)
        _mark(session, file, actor, at=at)
    _mark(session, review, actor, at=at)


def _delete_jobs(session: Session, jobs: Iterable[JobRow], actor: Actor) -> None:
    at = now()
    for job in jobs:
        _require_ended(session, job)
        _mark(session, job, actor, at=at)
        for table in (OutputRow, PhotoBeautifyRow):
            session.exec(update(table).where(col(table.job_code) == job.code).values(deleted=True))
        if job.photo_review_analysis_code is not None:
            on_photos_gone(session, [job.photo_review_analysis_code])


def _require_ended(session: Session, job: JobRow) -> None:
    if not job.job_status.is_final:
        raise StillInUse(f"{job.code} has not ended. Cancel it first, or wait for its end.")
    if job.points > 0 and is_held(session, job):
        raise StillInUse(f"The points of {job.code} are held until it is known whether its provider has charged.")


def _mark(session: Session, row: JobRow | FileRow | PhotoReviewRow, actor: Actor, *, at: datetime) -> None:
    row.deleted, row.deleted_at = True, at
    row.update_by, row.update_time = actor.key_id, at
    row.version += 1
    if is_somebody_else(row.user_id):
        record(session, Act(kind=ActKind.DATA_DELETED, target=row.code, user_id=row.user_id))
