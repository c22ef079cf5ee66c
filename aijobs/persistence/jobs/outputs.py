"""Outputs in the database, and their write intents."""

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from aijobs.domain.jobs.outputs import StoredOutput
from aijobs.domain.lifecycle import require_unfinished
from aijobs.persistence.database import Database
from aijobs.persistence.jobs import gate, write_intents
from aijobs.persistence.jobs.job_hooks import ON_DROPPED
from aijobs.persistence.tables import OutputRow


async def outputs_of(session: AsyncSession, *codes: str) -> list[OutputRow]:
    """The outputs of one or several jobs, in order."""
    found = await session.exec(
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
        async with self._database.read() as session:
            return [stored_output(row) for row in await outputs_of(session, code)]

    async def begin_write(self, key: str, *, job_code: str) -> None:
        async with self._database.write() as session:
            await gate.unfinished_job(session, job_code)
            await write_intents.begin_write(session, key, job_code=job_code)

    async def add(self, code: str, *outputs: StoredOutput) -> None:
        async with self._database.write() as session:
            job = await gate.locked_job(session, code)
            known = {row.index for row in await outputs_of(session, code)}
            fresh = [output for output in outputs if output.index not in known]
            if fresh:
                require_unfinished(code, job.job_status)
            session.add_all(OutputRow(job_code=code, **output.model_dump()) for output in fresh)
            await write_intents.finish_write(session, *(output.key for output in outputs))

    async def drop(self, code: str) -> list[str]:
        async with self._database.write() as session:
            dropped = [row.key for row in await outputs_of(session, code)]
            await session.exec(update(OutputRow).where(col(OutputRow.job_code) == code).values(deleted=True))
            for on_dropped in ON_DROPPED:
                await on_dropped(session, code)
            return dropped + await write_intents.writes_of(session, code)
