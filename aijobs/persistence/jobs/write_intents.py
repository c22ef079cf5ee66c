"""Write intents: stored before an object is written, so that leftovers of dead processes can be found."""

from datetime import timedelta
from typing import Final

from sqlalchemy import Integer, Table, bindparam, exists, text
from sqlalchemy import delete as delete_rows
from sqlmodel import Session, col, delete, select

from aijobs.domain.lifecycle import UNFINISHED
from aijobs.persistence.access.batches import chunked
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.tables import FileRow, JobRow, OutputRow, WriteIntentRow

WRITE_INTENTS: Final[Table] = WriteIntentRow.__table__  # type: ignore[attr-defined]

_OF_KEY: Final = WRITE_INTENTS.c.key == bindparam("of_key")

#: In SQL that SQLite and PostgreSQL share.
_WRITE: Final = text(
    "INSERT INTO write_intent (key, job_code, create_time) "
    "SELECT :key, :job_code, :create_time WHERE NOT EXISTS "
    """(SELECT 1 FROM output WHERE output.job_code = :job_code AND output."index" = :kept AND NOT output.del) """
    "ON CONFLICT (key) DO UPDATE SET job_code = excluded.job_code"
).bindparams(
    bindparam("key", type_=WRITE_INTENTS.c.key.type),
    bindparam("job_code", type_=WRITE_INTENTS.c.job_code.type),
    bindparam("create_time", type_=WRITE_INTENTS.c.create_time.type),
    bindparam("kept", type_=Integer()),
)
_DELETE: Final = delete_rows(WRITE_INTENTS).where(_OF_KEY)


def begin_write(session: Session, key: str, *, job_code: str | None, unless_kept: int | None = None) -> bool:
    """Record that an object is about to be written. May be called again, for another attempt.

    False, and nothing is recorded, when the job's output of the index `unless_kept` is there already.
    """
    intent = {"key": key, "job_code": job_code, "create_time": now(), "kept": unless_kept}
    return connection_of(session).execute(_WRITE, intent).rowcount > 0


def finish_write(session: Session, *keys: str) -> int:
    """Delete the intents, in the transaction that records the objects. Returns how many had not been abandoned."""
    connection = connection_of(session)
    return sum(connection.execute(_DELETE, {"of_key": key}).rowcount for key in keys)


def writes_of(session: Session, job_code: str) -> list[str]:
    """The keys of a job's unfinished writes."""
    return list(session.exec(select(WriteIntentRow.key).where(col(WriteIntentRow.job_code) == job_code)))


def abandoned_writes(session: Session, *, older_than: timedelta) -> list[str]:
    """Keys of abandoned writes. Intents whose object was recorded by another attempt are deleted."""
    is_at_work = exists().where(col(JobRow.code) == WriteIntentRow.job_code, col(JobRow.job_status).in_(UNFINISHED))
    old = select(WriteIntentRow.key).where(col(WriteIntentRow.create_time) < now() - older_than, ~is_at_work)
    abandoned = set(session.exec(old))
    if not abandoned:  # as nearly always: nothing has an index by keys
        return []
    kept = {
        key
        for some in chunked(sorted(abandoned))
        for row in (OutputRow, FileRow)
        for key in session.exec(select(row.key).where(col(row.key).in_(some), col(row.deleted).is_(False)))
    }
    for some in chunked(kept):
        session.exec(delete(WriteIntentRow).where(col(WriteIntentRow.key).in_(some)))
    return sorted(abandoned - kept)
