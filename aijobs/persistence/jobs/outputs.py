"""Outputs in the database, and their write intents."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Table, bindparam, insert
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select, update

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.job import JobState
from aijobs.domain.jobs.outputs import StoredOutput
from aijobs.domain.lifecycle import JobStatus, require_unfinished
from aijobs.domain.ports.outputs import MigrationStart
from aijobs.persistence.added_models import model_of
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.jobs import gate, write_intents
from aijobs.persistence.jobs.endings import Ending, ending_of
from aijobs.persistence.jobs.job_hooks import ON_DROPPED
from aijobs.persistence.jobs.queries import state_of
from aijobs.persistence.jobs.submissions import last_submission
from aijobs.persistence.tables import OutputRow
from aijobs.persistence.tables.locked_jobs import lock, lock_unfinished

OUTPUTS: Final[Table] = OutputRow.__table__  # type: ignore[attr-defined]

_INSERT: Final = insert(OUTPUTS)
_INDEXES: Final = select_columns(OUTPUTS.c.index).where(
    OUTPUTS.c.job_code == bindparam("of_job"), OUTPUTS.c["del"].is_(False)
)


def outputs_of(session: Session, *codes: str) -> list[OutputRow]:
    """The outputs of one or several jobs, in order."""
    found = session.exec(
        select(OutputRow)
        .where(col(OutputRow.job_code).in_(codes), col(OutputRow.deleted).is_(False))
        .order_by(col(OutputRow.job_code), col(OutputRow.index))
    )
    return list(found)


def _stored_outputs(session: Session, code: str) -> list[StoredOutput]:
    return [stored_output(row) for row in outputs_of(session, code)]


def stored_output(row: OutputRow) -> StoredOutput:
    return StoredOutput.model_validate(row, from_attributes=True)


def _begin_write(session: Session, key: str, *, job_code: str) -> None:
    lock_unfinished(session, job_code)
    write_intents.begin_write(session, key, job_code=job_code)


def _enter_migration(session: Session, code: str) -> MigrationStart:
    job = lock(session, code)
    if not job.job_status.is_final:
        gate.advance(session, job, JobStatus.MIGRATING)
        job.save(session)
    last = last_submission(session, code)
    return MigrationStart(state=state_of(job), ref=last.ref if last else None, kept=_indexes(session, code))


def _begin_move(session: Session, code: str, index: int, key: str) -> bool:
    job = lock_unfinished(session, code)
    gate.advance(session, job, JobStatus.MIGRATING)
    job.save(session)
    return write_intents.begin_write(session, key, job_code=code, unless_kept=index)


def _add(
    session: Session,
    code: str,
    outputs: tuple[StoredOutput, ...],
    complete_at: int | None,
    ending_of: Callable[[Session, str], Ending],
) -> JobState:
    job = lock(session, code)
    known = _indexes(session, code)
    fresh = [output for output in outputs if output.index not in known]
    if fresh:
        require_unfinished(code, job.job_status)
        connection_of(session).execute(_INSERT, [_row(code, output) for output in fresh])
    write_intents.finish_write(session, *(output.key for output in outputs))
    if len(known) + len(fresh) == complete_at and not job.job_status.is_final:
        gate.advance(session, job, JobStatus.SUCCESS, **ending_of(session, job.model_id))
        job.save(session)
    return state_of(job)


def _drop(session: Session, code: str) -> list[str]:
    dropped = list(session.exec(select(OutputRow.key).where(col(OutputRow.job_code) == code)))
    session.exec(update(OutputRow).where(col(OutputRow.job_code) == code).values(deleted=True))
    for on_dropped in ON_DROPPED:
        on_dropped(session, code)
    return dropped + write_intents.writes_of(session, code)


def _indexes(session: Session, code: str) -> frozenset[int]:
    """Of a job's outputs."""
    return frozenset(connection_of(session).execute(_INDEXES, {"of_job": code}).scalars())


def _row(code: str, output: StoredOutput) -> dict[str, Any]:
    fields = {**OutputRow(job_code=code, **output.model_dump()).model_dump(exclude={"id"})}
    fields["del"] = fields.pop("deleted")
    return fields


class DatabaseOutputLog:
    """Implements OutputLog."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue

    async def of_job(self, code: str) -> list[StoredOutput]:
        return await self._database.read(_stored_outputs, code)

    async def begin_write(self, key: str, *, job_code: str) -> None:
        await self._database.write(_begin_write, key, job_code=job_code)

    async def enter_migration(self, code: str) -> MigrationStart:
        return await self._database.write(_enter_migration, code)

    async def begin_move(self, code: str, index: int, key: str) -> bool:
        return await self._database.write(_begin_move, code, index, key)

    async def add(self, code: str, *outputs: StoredOutput, complete_at: int | None = None) -> JobState:
        return await self._database.write(_add, code, outputs, complete_at, self._ending)

    async def drop(self, code: str) -> list[str]:
        return await self._database.write(_drop, code)

    def _ending(self, session: Session, model_id: str) -> Ending:
        model = model_of(session, self._catalogue, model_id)
        return ending_of(model, JobStatus.SUCCESS, provider_may_charge=False)
