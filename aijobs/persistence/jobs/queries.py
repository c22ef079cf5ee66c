"""Reading one job: its row, its state, what its workflow and its provider are given. Lists are in `search`."""

from dataclasses import fields
from typing import Final

from sqlalchemy import RowMapping, bindparam
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import NotFound, UnknownJob
from aijobs.domain.jobs.job import JobBrief, JobError, JobState
from aijobs.domain.jobs.parameters import named_uploads
from aijobs.domain.provider_io import JobInput, UploadedFile
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.owned import owned
from aijobs.persistence.tables import FileRow, JobRow
from aijobs.persistence.tables.locked_jobs import JOBS, AnyJob

_OF_CODE: Final = JOBS.c.code == bindparam("of_code")

STATE_COLUMNS: Final = (JOBS.c.code, JOBS.c.job_status, JOBS.c.unit_progress, JOBS.c.error)
INPUT_COLUMNS: Final = (*(JOBS.c[one.name] for one in fields(JobInput)), JOBS.c["del"])

_STATE: Final = select_columns(*STATE_COLUMNS).where(_OF_CODE)
_INPUT: Final = select_columns(*INPUT_COLUMNS).where(_OF_CODE)


def job_of(session: Session, code: str, *, user_id: str | None = None) -> JobRow:
    """A job that is not deleted, and the user's where one is named. Raises NotFound."""
    return owned(session, JobRow, code, user_id=user_id)


def file_of(session: Session, code: str, *, user_id: str | None) -> FileRow:
    """An upload that is not deleted, and the user's where one is named. Raises NotFound."""
    return owned(session, FileRow, code, user_id=user_id)


def state_of(job: AnyJob) -> JobState:
    error = JobError.model_validate(job.error) if job.error else None
    return JobState.of(job.code, job.job_status, unit=job.unit_progress, error=error)


def brief_of(job: JobRow, catalogue: Catalogue) -> JobBrief:
    """The input of a job's workflow. Raises UnknownModel when its model is no longer in the catalogue."""
    model = catalogue.model(job.model_id)
    return JobBrief(
        code=job.code,
        user_id=job.user_id,
        model_id=model.model_id,
        model_name=str(model.model_name),
        provider=model.provider,
        asyn=model.asyn,
        accepted_at=job.begins_at,
        deadlines=model.deadlines,
        poll=model.poll,
        job_status=job.job_status,
        unit_progress=job.unit_progress,
        parameter_class=model.learning.class_of(job.params),
        expires_at=job.expires_at,
        priority=job.priority,
        traceparent=job.traceparent,
    )


def state_of_job(session: Session, code: str) -> JobState:
    """How a job stands. Raises UnknownJob."""
    row = connection_of(session).execute(_STATE, {"of_code": code}).mappings().one_or_none()
    if row is None:
        raise UnknownJob(f"There is no job {code} in this database.")
    return state_in(row)


def state_in(row: RowMapping) -> JobState:
    """How a job stands that was read by STATE_COLUMNS."""
    error = JobError.model_validate(row["error"]) if row["error"] else None
    return JobState.of(row["code"], row["job_status"], unit=row["unit_progress"], error=error)


def job_input(session: Session, code: str) -> JobInput:
    """A job's request. Raises NotFound."""
    row = connection_of(session).execute(_INPUT, {"of_code": code}).mappings().one_or_none()
    if row is None:
        raise NotFound(f"There is no job {code}.")
    return input_in(row)


def input_in(row: RowMapping) -> JobInput:
    """The request of a job that was read by INPUT_COLUMNS. Raises NotFound when it is deleted."""
    if row["del"]:
        raise NotFound(f"There is no job {row['code']}.")
    return JobInput(**{one.name: row[one.name] for one in fields(JobInput)})


def uploaded_file(session: Session, code: str, *, user_id: str) -> UploadedFile:
    """A user's upload. Raises NotFound."""
    row = file_of(session, code, user_id=user_id)
    return UploadedFile(code=code, key=row.key, name=row.name, media_type=row.media_type, size=row.size)


def uploaded_files(session: Session, assignment: JobInput) -> dict[str, UploadedFile]:
    """The uploads that a job's parameters name, by their codes, without those that the user does not have."""
    named = sorted(named_uploads(assignment.params))
    if not named:
        return {}
    found = session.exec(
        select(FileRow).where(
            col(FileRow.code).in_(named),
            col(FileRow.user_id) == assignment.user_id,
            col(FileRow.deleted).is_(False),
        )
    )
    return {
        row.code: UploadedFile(code=row.code, key=row.key, name=row.name, media_type=row.media_type, size=row.size)
        for row in found
    }


class DatabaseJobQueries:
    """Implements JobQueries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def state(self, code: str) -> JobState:
        return await self._database.read(state_of_job, code)

    async def assignment(self, code: str) -> JobInput:
        return await self._database.read(job_input, code)

    async def uploaded_file(self, code: str, *, user_id: str) -> UploadedFile:
        return await self._database.read(uploaded_file, code, user_id=user_id)
