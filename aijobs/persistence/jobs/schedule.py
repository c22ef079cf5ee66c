"""Jobs that are to start later, and jobs whose time to start is over.

A job that starts later has no workflow before: the note of its start (`job_start`) is for that time. Times are compared
by the clocks of our hosts: one that is a minute ahead starts, or ends, a job a minute early.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import literal_column
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import DatabaseUnavailable, JobExpired
from aijobs.domain.jobs.job import CANCELED, JobError, Stage
from aijobs.domain.jobs.submissions import Outcome
from aijobs.domain.lifecycle import JobStatus, require_unfinished
from aijobs.domain.points import EntryKind, closing_entry
from aijobs.persistence.added_models import model_of
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs import gate
from aijobs.persistence.jobs.starts import forget_starts
from aijobs.persistence.jobs.submissions import last_submission
from aijobs.persistence.tables import JobRow
from aijobs.persistence.tables.locked_jobs import AnyJob, lock

LOOK_EVERY: Final = timedelta(seconds=1)
PAUSE_AFTER_ERROR: Final = timedelta(seconds=1)
AT_ONCE: Final = 50

EXPIRED: Final = JobError(
    code=JobExpired.code, message="It had not started by the time that its order names.", stage=Stage.SUBMIT
)

_OVERDUE: Final = (
    select(JobRow.code)
    .where(col(JobRow.job_status) == literal_column("0"))  # as the index says it
    .order_by(col(JobRow.expires_at))
)

log = structlog.get_logger()


def cancel_scheduled(session: Session, job: JobRow, catalogue: Catalogue, *, reason: str) -> bool:
    """Cancel a locked job whose time to start has not come, at once. False: it has. Raises JobIsFinal."""
    require_unfinished(job.code, job.job_status)
    if job.start_at is None or job.start_at <= now() or _may_have_left(session, job):
        return False
    policy = model_of(session, catalogue, job.model_id).points
    closing = closing_entry(JobStatus.CANCELED, policy, provider_may_charge=False)
    error = JobError(code=CANCELED, message=reason, stage=Stage.SUBMIT)
    gate.advance(session, job, JobStatus.CANCELED, error=error, closing=closing)
    forget_starts(session, [job.code])
    return True


def expire(session: Session, job: AnyJob) -> bool:
    """Cancel a locked job that had not started in time; its points go back. False: it has started, or has time."""
    if not job.is_expired(now()) or _may_have_left(session, job):
        return False
    gate.advance(session, job, JobStatus.CANCELED, error=EXPIRED, closing=EntryKind.REFUND)
    forget_starts(session, [job.code])
    return True


def _may_have_left(session: Session, job: AnyJob) -> bool:
    last = last_submission(session, job.code)
    return last is not None and last.outcome is not Outcome.REJECTED


class DatabaseExpiries:
    """Implements Expiries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def expired(self) -> AsyncIterator[list[str]]:
        while True:
            try:
                overdue = await self._database.read(_overdue)
                ended = await self._database.write(_expire_all, overdue) if overdue else []
            except (DatabaseUnavailable, SQLAlchemyError) as error:
                log.error("expiry_interrupted", error=str(error))
                await asyncio.sleep(PAUSE_AFTER_ERROR.total_seconds())
                continue
            if ended:
                yield ended
            if len(overdue) < AT_ONCE or not ended:
                await asyncio.sleep(LOOK_EVERY.total_seconds())


def _overdue(session: Session) -> list[str]:
    return list(session.exec(_OVERDUE.where(col(JobRow.expires_at) <= now()).limit(AT_ONCE)))


def _expire_all(session: Session, codes: list[str]) -> list[str]:
    """Those of the jobs that have ended by this. Whoever locks several locks them in one order."""
    ended = []
    for code in sorted(codes):
        job = lock(session, code)
        if expire(session, job):
            job.save(session)
            ended.append(code)
    return ended
