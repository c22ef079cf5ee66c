"""Objects on their way into the store. The intent comes first, so that what a dead process has left can be found."""

from datetime import timedelta

from sqlalchemy import or_, union
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from aijobs.domain.lifecycle import UNFINISHED
from aijobs.persistence.column_types import now
from aijobs.persistence.tables import FileRow, JobRow, OutputRow, WriteIntentRow


async def begin_write(session: AsyncSession, key: str, *, job_code: str | None) -> None:
    """Note that an object is about to be written. Again, for another try."""
    await session.merge(WriteIntentRow(key=key, job_code=job_code))


async def finish_write(session: AsyncSession, *keys: str) -> int:
    """The objects are there, and somebody's: in the transaction that says whose. How many had not been given up."""
    return (await session.exec(delete(WriteIntentRow).where(col(WriteIntentRow.key).in_(keys)))).rowcount


async def writes_of(session: AsyncSession, job_code: str) -> list[str]:
    """The keys that a job has begun to write, and not finished."""
    return list(await session.exec(select(WriteIntentRow.key).where(col(WriteIntentRow.job_code) == job_code)))


async def abandoned_writes(session: AsyncSession, *, older_than: timedelta) -> list[str]:
    """Keys that nobody will finish. What is somebody's after all, by another try, is no longer on its way."""
    kept = union(
        select(OutputRow.key).where(col(OutputRow.deleted).is_(False)),
        select(FileRow.key).where(col(FileRow.deleted).is_(False)),
    )
    await session.exec(delete(WriteIntentRow).where(col(WriteIntentRow.key).in_(kept)))
    old = col(WriteIntentRow.create_time) < now() - older_than
    at_work = select(JobRow.code).where(col(JobRow.job_status).in_(UNFINISHED))
    nobodys = or_(col(WriteIntentRow.job_code).is_(None), col(WriteIntentRow.job_code).not_in(at_work))
    return list(await session.exec(select(WriteIntentRow.key).where(old, nobodys)))
