"""Making a job once and starting it: used by accepting, rerunning and reviewing."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import TemporalUnavailable
from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.persistence.access.idempotency import IdempotencyClaim, Receipt
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.queries import brief_of
from aijobs.persistence.tables import JobRow
from aijobs.usecases.idempotency import Render, run_idempotently

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class JobMaker:
    """`render` makes the response for a new job."""

    database: Database
    engine: JobEngine
    catalogue: Catalogue
    render: Render[JobRow]

    async def make_once(
        self,
        claim: IdempotencyClaim | None,
        make: Callable[[Session], JobRow],
        *,
        receipt_of: Callable[[JobRow], Receipt] | None = None,
    ) -> Receipt:
        """Make a job in a transaction and start it, or return the first receipt of the claim.

        The receipt is the job's, unless `receipt_of` makes another.
        """
        execution = await run_idempotently(self.database, claim, make, receipt_of=receipt_of or self._receipt)
        if execution.made is not None:
            await self._try_to_start(execution.made)
        return execution.receipt

    def _receipt(self, job: JobRow) -> Receipt:
        return Receipt(code=job.code, answer=self.render(job))

    async def _try_to_start(self, job: JobRow) -> None:
        """Start the workflow. Without Temporal, the sweep will start it later."""
        try:
            await self.engine.start(brief_of(job, self.catalogue))
        except TemporalUnavailable as error:
            log.warning("job_left_to_the_sweep", code=job.code, reason=str(error))
