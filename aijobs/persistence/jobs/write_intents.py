"""Write intents: stored before an object is written, so that leftovers of dead processes can be found."""

from datetime import timedelta

from sqlalchemy import or_, union
from sqlmodel import Session, col, delete, select

from aijobs.domain.lifecycle import UNFINISHED
from aijobs.persistence.column_types import now
from aijobs.persistence.tables import FileRow, JobRow, OutputRow, WriteIntentRow


def begin_write(session: Session, key: str, *, job_code: str | None) -> None:
    """Record that an object is about to be written. May be called again, for another attempt."""
    session.merge(WriteIntentRow(key=key, job_code=job_code))


def finish_write(session: Session, *keys: str) -> int:
    """Delete the intents, in the transaction that records the objects. Returns how many had not been abandoned."""
    return session.exec(delete(WriteIntentRow).where(col(WriteIntentRow.key).in_(keys))).rowcount


def writes_of(session: Session, job_code: str) -> list[str]:
    """The keys of a job's unfinished writes."""
    return list(session.exec(select(WriteIntentRow.key).where(col(WriteIntentRow.job_code) == job_code)))


def abandoned_writes(session: Session, *, older_than: timedelta) -> list[str]:
    """Keys of abandoned writes. Intents whose object was recorded by another attempt are deleted first."""
    kept = union(
        select(OutputRow.key).where(col(OutputRow.deleted).is_(False)),
        select(FileRow.key).where(col(FileRow.deleted).is_(False)),
    )
    session.exec(delete(WriteIntentRow).where(col(WriteIntentRow.key).in_(kept)))
    old = col(WriteIntentRow.create_time) < now() - older_than
    at_work = select(JobRow.code).where(col(JobRow.job_status).in_(UNFINISHED))
    nobodys = or_(col(WriteIntentRow.job_code).is_(None), col(WriteIntentRow.job_code).not_in(at_work))
    return list(session.exec(select(WriteIntentRow.key).where(old, nobodys)))
