"""Finding jobs, newest first: by filter, by metadata, by code, by the provider's id."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, String, and_, bindparam, cast, func, or_
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import BadInput, NotFound, UnknownJob
from aijobs.domain.jobs.job import JobBrief, JobError, JobState
from aijobs.domain.jobs.parameters import is_upload
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import JobInput, UploadedFile
from aijobs.domain.values.ids import first_code_since
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.owned import id_behind, owned
from aijobs.persistence.paging import page_of
from aijobs.persistence.tables import FileRow, JobRow, SubmissionRow
from aijobs.persistence.tables.locked_jobs import JOBS, AnyJob

JOB_PREFIX: Final = "job_"
BEHIND_ALL_CODES: Final = "~"  #: sorts behind every letter and digit of a code

_OF_CODE: Final = JOBS.c.code == bindparam("of_code")

STATE_COLUMNS: Final = (JOBS.c.code, JOBS.c.job_status, JOBS.c.unit_progress, JOBS.c.error)
INPUT_COLUMNS: Final = (*(JOBS.c[one.name] for one in fields(JobInput)), JOBS.c["del"])

_STATE: Final = select_columns(*STATE_COLUMNS).where(_OF_CODE)
_INPUT: Final = select_columns(*INPUT_COLUMNS).where(_OF_CODE)


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which jobs to list; a field without a value filters nothing. The page begins after the job `before`.

    `text` is the beginning of a code, or else a part of the metadata or the whole id at the provider.
    """

    user_id: str | None = None
    statuses: frozenset[JobStatus] = frozenset()
    model_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    text: str = ""
    before: str | None = None

    def clauses(self) -> Iterator[ColumnElement[bool]]:
        """The conditions of all fields but `before`. Times are compared by code, which is indexed."""
        yield col(JobRow.deleted).is_(False)
        if self.user_id is not None:
            yield col(JobRow.user_id) == self.user_id
        if self.statuses:
            yield col(JobRow.job_status).in_(self.statuses)
        if self.model_id is not None:
            yield col(JobRow.model_id) == self.model_id
        if self.created_after is not None:
            yield col(JobRow.code) >= first_code_since(self.created_after)
        if self.created_before is not None:
            yield col(JobRow.code) < first_code_since(self.created_before)
        if self.text:
            yield _text_clause(self.text)


def job_of(session: Session, code: str, *, user_id: str | None = None) -> JobRow:
    """A job that is not deleted, and the user's where one is named. Raises NotFound."""
    return owned(session, JobRow, code, user_id=user_id)


def file_of(session: Session, code: str, *, user_id: str | None) -> FileRow:
    """An upload that is not deleted, and the user's where one is named. Raises NotFound."""
    return owned(session, FileRow, code, user_id=user_id)


def jobs_page(session: Session, criteria: JobFilter, *, limit: int) -> tuple[list[JobRow], bool]:
    """Up to `limit` jobs, and whether there are more. Raises BadInput when there is no job `before`."""
    query = select(JobRow).where(*criteria.clauses())
    if criteria.before is not None:
        query = query.where(col(JobRow.id) < id_behind(session, JobRow, criteria.before, user_id=criteria.user_id))
    return page_of(session, query.order_by(col(JobRow.id).desc()), limit=limit)


def count_newer(session: Session, criteria: JobFilter, newest: str, *, at_most: int) -> int:
    """How many jobs are newer than `newest`, at most `at_most`; 0 when that job does not exist."""
    try:
        newest_id = id_behind(session, JobRow, newest, user_id=criteria.user_id)
    except BadInput:
        return 0
    newer = select(JobRow.id).where(col(JobRow.id) > newest_id, *criteria.clauses()).limit(at_most)
    return session.exec(select(func.count()).select_from(newer.subquery())).one()


def jobs_by_code(session: Session, codes: Sequence[str], *, user_id: str | None) -> list[JobRow]:
    """The jobs with these codes, newest first; only the user's where one is named."""
    named = select(JobRow).where(col(JobRow.code).in_(codes), *JobFilter(user_id=user_id).clauses())
    return list(session.exec(named.order_by(col(JobRow.id).desc())))


def _text_clause(text: str) -> ColumnElement[bool]:
    if text.startswith(JOB_PREFIX):
        return and_(col(JobRow.code) >= text, col(JobRow.code) < text + BEHIND_ALL_CODES)
    # The JSON column holds what json.dumps writes, in which everything beyond ASCII is escaped.
    written = json.dumps(text)[1:-1]
    sent = select(SubmissionRow.job_code).where(col(SubmissionRow.ref_id) == text)
    return or_(cast(col(JobRow.extra), String).icontains(written, autoescape=True), col(JobRow.code).in_(sent))


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
        model_name=model.model_name,
        provider=model.provider,
        asyn=model.asyn,
        accepted_at=job.create_time,
        deadlines=model.deadlines,
        poll=model.poll,
        job_status=job.job_status,
        unit_progress=job.unit_progress,
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
    named = sorted(_uploads_in(assignment.params))
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


def _uploads_in(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return _uploads_in(list(value.values()))
    if isinstance(value, list):
        return {code for one in value for code in _uploads_in(one)}
    return {value} if is_upload(value) else set()


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
