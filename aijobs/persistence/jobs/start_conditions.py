"""Whether a job may start now: not when its time to start is over, and not while an operator has paused it."""

from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.job import JobState
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.added_models import model_of
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.queries import state_of
from aijobs.persistence.jobs.schedule import expire
from aijobs.persistence.jobs.waiting import hold, wait_for_provider
from aijobs.persistence.pauses import pause_that_holds, paused_credentials
from aijobs.persistence.tables.locked_jobs import lock


class DatabaseStartConditions:
    """Implements StartConditions."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue

    async def expire(self, code: str) -> JobState:
        return await self._database.write(_expire, code)

    async def hold_back(self, code: str, *, provider: str) -> timedelta | None:
        if await self._database.read(pause_that_holds, code, provider=provider) is None:
            return None
        return await self._database.write(_hold_back, code, self._catalogue, provider=provider)

    async def wait_for_provider(self, code: str, retry_after: timedelta | None) -> None:
        await self._database.write(_wait_for_provider, code, self._catalogue, retry_after)

    async def unpaused(self, credentials: Sequence[str]) -> list[str]:
        paused = await self._database.read(paused_credentials)
        return [credential for credential in credentials if credential not in paused]


def _expire(session: Session, code: str) -> JobState:
    job = lock(session, code)
    expire(session, job)
    job.save(session)
    return state_of(job)


def _wait_for_provider(session: Session, code: str, catalogue: Catalogue, retry_after: timedelta | None) -> None:
    job = lock(session, code)
    if job.job_status is JobStatus.DRAFT:
        wait_for_provider(session, job, retry_after, model_of(session, catalogue, job.model_id))
        job.save(session)


def _hold_back(session: Session, code: str, catalogue: Catalogue, *, provider: str) -> timedelta | None:
    job = lock(session, code)
    pause = pause_that_holds(session, code, provider=provider)
    if pause is None or job.job_status is not JobStatus.DRAFT:
        return None
    look_again = hold(session, job, pause.code, model_of(session, catalogue, job.model_id))
    job.save(session)
    return look_again
