"""Jobs whose workflow is still to be started: noted when a job is accepted, until Temporal has taken it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Table, bindparam, delete, insert
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select, update

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import DatabaseUnavailable
from aijobs.domain.jobs.job import JobBrief
from aijobs.persistence.added_models import know_models
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.jobs.queries import brief_of
from aijobs.persistence.tables import JobRow, JobStartRow

LOOK_EVERY: Final = timedelta(milliseconds=200)
FORGOTTEN_AFTER: Final = timedelta(milliseconds=500)
"""The process that accepted a job starts it within this time, or else a worker does."""

RECLAIM_AFTER: Final = timedelta(seconds=3)
"""This long after it was claimed, a start counts as failed: its process may have died."""

PAUSE_AFTER_ERROR: Final = timedelta(seconds=1)
AT_ONCE: Final = 50

STARTS: Final[Table] = JobStartRow.__table__  # type: ignore[attr-defined]

_NOTE: Final = insert(STARTS).inline()
_FORGET: Final = delete(STARTS).where(STARTS.c.job_code.in_(bindparam("codes", expanding=True)))
_FORGOTTEN: Final = (
    select(JobStartRow.job_code).where(col(JobStartRow.look_at) <= bindparam("now")).order_by(col(JobStartRow.look_at))
)

log = structlog.get_logger()


def note_start(session: Session, job_code: str, *, at: datetime | None = None) -> None:
    """Note that the job's workflow is to be started, in the transaction that accepts the job; by a worker `at`."""
    connection_of(session).execute(_NOTE, {"job_code": job_code, "look_at": at or now() + FORGOTTEN_AFTER})


def forget_starts(session: Session, codes: Sequence[str]) -> None:
    """The jobs are started, or need not be any more."""
    connection_of(session).execute(_FORGET, {"codes": codes})


class DatabaseJobStarts:
    """Implements JobStarts."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue

    async def forgotten(self) -> AsyncIterator[list[JobBrief]]:
        while True:
            try:
                claimed = await self._claimed()
            except (DatabaseUnavailable, SQLAlchemyError) as error:
                log.error("starts_interrupted", error=str(error))
                await asyncio.sleep(PAUSE_AFTER_ERROR.total_seconds())
                continue
            if claimed:
                yield claimed
            if len(claimed) < AT_ONCE:
                await asyncio.sleep(LOOK_EVERY.total_seconds())

    async def started(self, codes: Sequence[str]) -> None:
        await self._database.write(forget_starts, codes)

    async def _claimed(self) -> list[JobBrief]:
        """Claims starts that were forgotten. Most looks find nothing and take no lock."""
        return await self._database.write(self._claim) if await self._database.read(_is_any_forgotten) else []

    def _claim(self, session: Session) -> list[JobBrief]:
        codes = list(session.exec(_FORGOTTEN.limit(AT_ONCE).with_for_update(skip_locked=True), params={"now": now()}))
        later = update(JobStartRow).values(look_at=now() + RECLAIM_AFTER)
        session.exec(later.where(col(JobStartRow.job_code).in_(codes)))
        jobs = list(session.exec(select(JobRow).where(col(JobRow.code).in_(codes), col(JobRow.deleted).is_(False))))
        unfinished = [job for job in jobs if not job.job_status.is_final]
        forget_starts(session, sorted(set(codes) - {job.code for job in unfinished}))
        know_models(session, self._catalogue, {job.model_id for job in unfinished})
        return [brief_of(job, self._catalogue) for job in unfinished if job.model_id in self._catalogue]


def _is_any_forgotten(session: Session) -> bool:
    return session.exec(_FORGOTTEN.limit(1), params={"now": now()}).first() is not None
