"""Outputs in the database, and their write intents."""

from sqlmodel import Session, col, select, update

from aijobs.domain.jobs.outputs import StoredOutput
from aijobs.domain.lifecycle import require_unfinished
from aijobs.persistence.database import Database
from aijobs.persistence.jobs import gate, write_intents
from aijobs.persistence.jobs.job_hooks import ON_DROPPED
from aijobs.persistence.tables import OutputRow


def outputs_of(session: Session, *codes: str) -> list[OutputRow]:
    """The outputs of one or several jobs, in order."""
    found = session.exec(
        select(OutputRow)
        .where(col(OutputRow.job_code).in_(codes), col(OutputRow.deleted).is_(False))
        .order_by(col(OutputRow.job_code), col(OutputRow.index))
    )
    return list(found)


def stored_output(row: OutputRow) -> StoredOutput:
    return StoredOutput.model_validate(row, from_attributes=True)


class DatabaseOutputLog:
    """Implements OutputLog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_job(self, code: str) -> list[StoredOutput]:
        def work(session: Session) -> list[StoredOutput]:
            return [stored_output(row) for row in outputs_of(session, code)]

        return await self._database.read(work)

    async def begin_write(self, key: str, *, job_code: str) -> None:
        def work(session: Session) -> None:
            gate.unfinished_job(session, job_code)
            write_intents.begin_write(session, key, job_code=job_code)

        await self._database.write(work)

    async def add(self, code: str, *outputs: StoredOutput) -> None:
        def work(session: Session) -> None:
            job = gate.locked_job(session, code)
            known = {row.index for row in outputs_of(session, code)}
            fresh = [output for output in outputs if output.index not in known]
            if fresh:
                require_unfinished(code, job.job_status)
            session.add_all(OutputRow(job_code=code, **output.model_dump()) for output in fresh)
            write_intents.finish_write(session, *(output.key for output in outputs))

        await self._database.write(work)

    async def drop(self, code: str) -> list[str]:
        def work(session: Session) -> list[str]:
            dropped = [row.key for row in outputs_of(session, code)]
            session.exec(update(OutputRow).where(col(OutputRow.job_code) == code).values(deleted=True))
            for on_dropped in ON_DROPPED:
                on_dropped(session, code)
            return dropped + write_intents.writes_of(session, code)

        return await self._database.write(work)
