"""A new job, made once and then started: what accepting, rerunning and reviewing have in common."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from sqlmodel.ext.asyncio.session import AsyncSession

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
        make: Callable[[AsyncSession], Awaitable[JobRow]],
        *,
        receipt_of: Callable[[JobRow], Receipt] | None = None,
    ) -> Receipt:
        """Make a job in a transaction and start it; or the first receipt again.

        The receipt is the job's own, unless it is `receipt_of` something else.
        """
        done = await run_idempotently(self.database, claim, make, receipt_of=receipt_of or self._receipt)
        if done.made is not None:
            await self._start_or_leave(done.made)
        return done.receipt

    def _receipt(self, job: JobRow) -> Receipt:
        return Receipt(code=job.code, answer=self.render(job))

    async def _start_or_leave(self, job: JobRow) -> None:
        """What cannot be started now is left to the sweep."""
        try:
            await self.engine.start(brief_of(job, self.catalogue))
        except TemporalUnavailable as unavailable:
            log.warning("job_left_to_the_sweep", code=job.code, reason=str(unavailable))
