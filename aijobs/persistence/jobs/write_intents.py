"""Write intents: stored before an object is written, so that leftovers of dead processes can be found."""

from datetime import timedelta
from typing import Final

from sqlalchemy import Table, bindparam, insert, or_, union, update
from sqlalchemy import delete as delete_rows
from sqlmodel import Session, col, delete, select

from aijobs.domain.lifecycle import UNFINISHED
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.tables import FileRow, JobRow, OutputRow, WriteIntentRow

WRITE_INTENTS: Final[Table] = WriteIntentRow.__table__  # type: ignore[attr-defined]

_OF_KEY: Final = WRITE_INTENTS.c.key == bindparam("of_key")
_INSERT: Final = insert(WRITE_INTENTS).inline()
_AGAIN: Final = update(WRITE_INTENTS).where(_OF_KEY)
_DELETE: Final = delete_rows(WRITE_INTENTS).where(_OF_KEY)


def begin_write(session: Session, key: str, *, job_code: str | None) -> None:
    """Record that an object is about to be written. May be called again, for another attempt."""
    connection = connection_of(session)
    if connection.execute(_AGAIN, {"of_key": key, "job_code": job_code}).rowcount == 0:
        connection.execute(_INSERT, {"key": key, "job_code": job_code, "create_time": now()})


def finish_write(session: Session, *keys: str) -> int:
    """Delete the intents, in the transaction that records the objects. Returns how many had not been abandoned."""
    connection = connection_of(session)
    return sum(connection.execute(_DELETE, {"of_key": key}).rowcount for key in keys)


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
