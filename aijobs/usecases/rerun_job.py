"""Running a job again, as a new job: from the start, or from the migration of its outputs."""

from dataclasses import dataclass

from sqlmodel import Session

from aijobs.domain.jobs.job import RerunFrom
from aijobs.domain.values.actors import Actor
from aijobs.domain.values.audit import Act, ActKind, is_somebody_else
from aijobs.persistence.access.idempotency import Receipt
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs import reruns
from aijobs.persistence.jobs.gate import locked_job
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import JobRow
from aijobs.usecases.idempotency import claim_for
from aijobs.usecases.models import AvailableModels
from aijobs.usecases.new_job import JobMaker


@dataclass(frozen=True, kw_only=True)
class RerunJob:
    """A rerun from the start is charged again; one from the migration is free."""

    database: Database
    models: AvailableModels
    jobs: JobMaker
    daily_limit: int

    async def __call__(
        self, code: str, start: RerunFrom, actor: Actor, *, idempotency_key: str | None = None
    ) -> Receipt:
        """The receipt of a new job of the same user. A second call with the same key returns the first receipt.

        Raises NotFound, CannotRerun while the job runs or when its result is gone, ModelNotConfigured,
        UnknownModel, ModelRetired, PointsExhausted, IdempotencyMismatch and IdempotencyInFlight.
        """
        known = await self.database.read(job_of, code, user_id=actor.user_id)
        owner = actor.on_behalf_of(known.user_id)
        await self.models.look_for(known.model_id)
        claim = claim_for(owner, idempotency_key, {"rerun": code, "from": start})

        def rerun(session: Session) -> JobRow:
            new = self._rerun(session, locked_job(session, code), start, by=owner.key_id)
            if is_somebody_else(new.user_id):
                after = {"job": new.code, "from": start, "points": new.points}
                record(session, Act(kind=ActKind.JOB_RERUN, target=code, user_id=new.user_id, after=after))
            return new

        return await self.jobs.make_once(claim, rerun)

    def _rerun(self, session: Session, old: JobRow, start: RerunFrom, *, by: str) -> JobRow:
        model = self.models.catalogue.model(old.model_id)
        capabilities = self.models.configured_adapter(model).capabilities
        if start is RerunFrom.MIGRATION:
            return reruns.rerun_from_migration(session, old, link_lifetime=capabilities.link_lifetime, by=by)
        due = self.models.model_on(old.model_id, now().date()).price(old.output_count)
        return reruns.rerun_from_start(session, old, points_due=due, daily_limit=self.daily_limit, by=by)
