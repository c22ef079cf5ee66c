"""Pages of jobs, newest first."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.errors import BadInput, NotFound
from domain.lifecycle import JobStatus
from persistence.records import job_of
from persistence.tables import JobRow


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """What to list; nothing named means everything. `before` is the code of the job that the page comes behind."""

    user_id: str | None = None
    statuses: frozenset[JobStatus] = frozenset()
    model_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    before: str | None = None


async def jobs_page(session: AsyncSession, wanted: JobFilter, *, limit: int) -> tuple[list[JobRow], bool]:
    """Up to `limit` jobs, and whether there are more. Raises BadInput when there is no job `before`."""
    query = select(JobRow).where(col(JobRow.deleted).is_(False))
    if wanted.user_id is not None:
        query = query.where(col(JobRow.user_id) == wanted.user_id)
    if wanted.statuses:
        query = query.where(col(JobRow.job_status).in_(wanted.statuses))
    if wanted.model_id is not None:
        query = query.where(col(JobRow.model_id) == wanted.model_id)
    if wanted.created_after is not None:
        query = query.where(col(JobRow.create_time) >= wanted.created_after)
    if wanted.created_before is not None:
        query = query.where(col(JobRow.create_time) < wanted.created_before)
    if wanted.before is not None:
        query = query.where(col(JobRow.id) < await _place_of(session, wanted.before, user_id=wanted.user_id))
    rows = list(await session.exec(query.order_by(col(JobRow.id).desc()).limit(limit + 1)))
    return rows[:limit], len(rows) > limit


async def _place_of(session: AsyncSession, code: str, *, user_id: str | None) -> int | None:
    try:
        return (await job_of(session, code, user_id=user_id)).id
    except NotFound as unknown:
        raise BadInput("This cursor is none of ours.") from unknown
