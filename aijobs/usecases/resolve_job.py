"""An operator's resolution of a job in doubt, recorded in its history with who and why."""

from dataclasses import dataclass

from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.domain.values.actors import Actor
from aijobs.persistence.database import Database
from aijobs.persistence.jobs import resolutions
from aijobs.persistence.jobs.gate import locked_job
from aijobs.persistence.jobs.queries import brief_of, job_of
from aijobs.persistence.jobs.resolutions import Resolution
from aijobs.persistence.tables import JobRow


@dataclass(frozen=True, kw_only=True)
class ResolveJob:
    """Settles held points, or attaches a provider's id to a lost submission."""

    database: Database
    catalogue: Catalogue
    engine: JobEngine

    async def settle_points(self, code: str, decision: Resolution, actor: Actor, *, why: str) -> JobRow:
        """Refund or charge held points. Raises NotFound, and NothingHeld when no points are held."""
        await self._required(code, actor)

        def work(session: Session) -> JobRow:
            job = locked_job(session, code)
            resolutions.resolve(session, job, decision, by=actor.key_id, why=why)
            return job

        return await self.database.write(work)

    async def attach(self, code: str, ref: str, actor: Actor, *, why: str) -> JobRow:
        """Record the provider's id of a lost submission, and poll the provider at once.

        Raises NotFound, UnknownModel, SubmissionExists when no submission was lost, and TemporalUnavailable when it is
        recorded, and polled later.
        """
        await self.catalogue.find((await self._required(code, actor)).model_id)

        def work(session: Session) -> JobRow:
            job = locked_job(session, code)
            resolutions.attach(session, job, {"id": ref}, by=actor.key_id, why=why)
            return job

        job = await self.database.write(work)
        await self.engine.poll_now(brief_of(job, self.catalogue))
        return job

    async def _required(self, code: str, actor: Actor) -> JobRow:
        return await self.database.read(job_of, code, user_id=actor.user_id)
