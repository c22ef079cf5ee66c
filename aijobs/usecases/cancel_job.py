"""Requesting a job's cancellation."""

from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.lifecycle import require_unfinished
from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.domain.values.actors import Actor
from aijobs.domain.values.audit import Act, ActKind, is_somebody_else
from aijobs.persistence.audit_log import record
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.gate import locked_job, note_cancel_request
from aijobs.persistence.jobs.queries import brief_of, job_of
from aijobs.persistence.jobs.schedule import cancel_scheduled
from aijobs.persistence.tables import JobRow

BY_ITS_OWNER: Final = "Canceled by its owner."
NO_REASON_GIVEN: Final = "No reason was given."


@dataclass(frozen=True, kw_only=True)
class CancelJob:
    """Records the cancel request in the job's history, and signals its workflow."""

    database: Database
    catalogue: Catalogue
    engine: JobEngine

    async def __call__(self, code: str, actor: Actor, *, reason: str | None = None) -> JobRow:
        """The job, which becomes CANCELED a little later, unless it ends otherwise before. A second call is harmless.

        Raises NotFound, JobIsFinal, and TemporalUnavailable, after which the caller has to retry.
        """
        job = await self.database.read(job_of, code, user_id=actor.user_id)
        reason = reason or (NO_REASON_GIVEN if is_somebody_else(job.user_id) else BY_ITS_OWNER)
        require_unfinished(job.code, job.job_status)
        await self.catalogue.find(job.model_id)
        if job.start_at is not None and (canceled := await self.database.write(self._cancel_scheduled, code, reason)):
            return canceled
        await self.engine.ensure_started(brief_of(job, self.catalogue))  # Temporal may have been unavailable before

        def work(session: Session) -> JobRow:
            job = locked_job(session, code)
            if note_cancel_request(session, job, reason=reason, by=actor.key_id):
                _record(session, job, reason)
            return job

        job = await self.database.write(work)
        await self.engine.cancel(code)
        return job

    def _cancel_scheduled(self, session: Session, code: str, reason: str) -> JobRow | None:
        """A job whose time has not come is canceled at once: it has no workflow. None: its time has come."""
        job = locked_job(session, code)
        if not cancel_scheduled(session, job, self.catalogue, reason=reason):
            return None
        _record(session, job, reason)
        return job


def _record(session: Session, job: JobRow, reason: str) -> None:
    if is_somebody_else(job.user_id):
        record(session, Act(kind=ActKind.JOB_CANCELED, target=job.code, user_id=job.user_id, after={"reason": reason}))
