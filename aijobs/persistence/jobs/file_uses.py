"""Which jobs name an upload: written when they are accepted, and asked before an upload is let go."""

from typing import Final

from sqlalchemy import ColumnElement, String, Table, cast, exists, insert
from sqlmodel import Session, col, select

from aijobs.domain.errors import StillInUse
from aijobs.domain.jobs.parameters import named_uploads
from aijobs.domain.lifecycle import UNFINISHED
from aijobs.persistence.database import connection_of
from aijobs.persistence.tables import BatchItemRow, BatchRow, FileUseRow, JobRow

USES: Final[Table] = FileUseRow.__table__  # type: ignore[attr-defined]
_INSERT: Final = insert(USES)


def note_uploads(session: Session, job: JobRow) -> None:
    """Record the uploads that a new job's parameters name. Without any, nothing is written."""
    if named := named_uploads(job.params):
        rows = [{"file_code": code, "job_code": job.code} for code in sorted(named)]
        connection_of(session).execute(_INSERT, rows)


def require_unused(session: Session, code: str, *, user_id: str) -> None:
    """Raises StillInUse while an unfinished job, or an item of a batch that has none yet, names the file."""
    job = session.exec(select(JobRow.code).where(*_unfinished_with(code, user_id)).limit(1)).first()
    if job is not None:
        raise StillInUse(f"{code} is used by {job}, which has not ended. Cancel that first, or wait for its end.")
    waiting = (
        select(BatchRow.code)
        .join(BatchItemRow, col(BatchItemRow.batch_id) == BatchRow.id)
        .where(
            col(BatchRow.ended_at).is_(None),
            col(BatchItemRow.user_id) == user_id,
            col(BatchItemRow.job_code).is_(None),
            col(BatchItemRow.ended_at).is_(None),
            _names(BatchItemRow.params, code),
        )
    )
    if (batch := session.exec(waiting.limit(1)).first()) is not None:
        raise StillInUse(f"{code} is named by an item of {batch}, whose turn has not come.")


def has_unfinished_batch(session: Session, user_id: str) -> bool:
    """Whether items of this user may still become jobs, or their jobs run."""
    has_item = exists().where(col(BatchItemRow.batch_id) == col(BatchRow.id), col(BatchItemRow.user_id) == user_id)
    of_user = (col(BatchRow.user_id) == user_id) | (col(BatchRow.user_id).is_(None) & has_item)
    unfinished = select(BatchRow.code).where(col(BatchRow.ended_at).is_(None), of_user)
    return session.exec(unfinished.limit(1)).first() is not None


def _unfinished_with(code: str, user_id: str) -> list[ColumnElement[bool]]:
    """By their parameters, too: jobs that an older version has accepted are not in `file_use`."""
    used = exists().where(USES.c.file_code == code, USES.c.job_code == col(JobRow.code))
    return [
        col(JobRow.user_id) == user_id,
        col(JobRow.job_status).in_(UNFINISHED),
        used | _names(JobRow.params, code),
    ]


def _names(params: object, code: str) -> ColumnElement[bool]:
    """A code is ASCII without quotes, and so the same in JSON."""
    return cast(col(params), String).contains(code, autoescape=True)
