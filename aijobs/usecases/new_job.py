"""Making a job once and starting it: used by accepting, rerunning and reviewing."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue
from aijobs.persistence.access.idempotency import IdempotencyClaim, Receipt
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.queries import brief_of
from aijobs.persistence.jobs.starts import note_start
from aijobs.persistence.tables import JobRow
from aijobs.usecases.idempotency import Render, run_idempotently
from aijobs.usecases.start_jobs import JobStarter


@dataclass(frozen=True, kw_only=True)
class JobMaker:
    """`render` makes the response for a new job."""

    database: Database
    starter: JobStarter
    catalogue: Catalogue
    render: Render[JobRow]

    async def make_once(
        self,
        claim: IdempotencyClaim | None,
        make: Callable[[Session], JobRow],
        *,
        receipt_of: Callable[[JobRow], Receipt] | None = None,
    ) -> Receipt:
        """Make a job in a transaction, or return the first receipt of the claim. The job is started right afterwards,
        or by a worker when its time has come.

        The receipt is the job's, unless `receipt_of` makes another.
        """

        def to_start(session: Session) -> JobRow:
            job = make(session)
            note_start(session, job.code, at=job.start_at)
            return job

        execution = await run_idempotently(self.database, claim, to_start, receipt_of=receipt_of or self._receipt)
        structlog.contextvars.bind_contextvars(job=execution.receipt.code)  # the request's own line has it too
        if execution.made is not None and execution.made.start_at is None:
            self.starter.start_soon(brief_of(execution.made, self.catalogue))
        return execution.receipt

    def _receipt(self, job: JobRow) -> Receipt:
        return Receipt(code=job.code, answer=self.render(job))
