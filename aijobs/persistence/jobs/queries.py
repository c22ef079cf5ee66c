"""Finding jobs, newest first: by filter, by metadata, by code, by the provider's id."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, Select, String, and_, bindparam, cast, false
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import BadInput, NotFound, UnknownJob
from aijobs.domain.jobs.job import JobBrief, JobError, JobState
from aijobs.domain.jobs.parameters import named_uploads
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import JobInput, UploadedFile
from aijobs.domain.values.ids import CROCKFORD, first_code_since, moment_of
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.owned import id_behind, owned
from aijobs.persistence.paging import ids_between, newest_ids
from aijobs.persistence.tables import FileRow, JobRow, SubmissionRow
from aijobs.persistence.tables.locked_jobs import JOBS, AnyJob

JOB_PREFIX: Final = "job_"
BEHIND_ALL_CODES: Final = "~"  #: sorts behind every letter and digit of a code
LAST_LETTER: Final = CROCKFORD[-1]
LONGEST_CODE: Final = 40

SEARCHED_AT_ONCE: Final = 5_000
"""Jobs whose metadata are searched for one page."""

MAX_SAME_IDS: Final = 100  #: jobs to which providers gave the same id

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
        """The conditions of all fields but `statuses`, `text` and `before`. Times are compared by code."""
        yield col(JobRow.deleted).is_(False)
        if self.user_id is not None:
            yield col(JobRow.user_id) == self.user_id
        if self.model_id is not None:
            yield col(JobRow.model_id) == self.model_id
        if self.created_after is not None:
            yield col(JobRow.code) >= first_code_since(self.created_after)
        if self.created_before is not None:
            yield col(JobRow.code) < first_code_since(self.created_before)


def job_of(session: Session, code: str, *, user_id: str | None = None) -> JobRow:
    """A job that is not deleted, and the user's where one is named. Raises NotFound."""
    return owned(session, JobRow, code, user_id=user_id)


def file_of(session: Session, code: str, *, user_id: str | None) -> FileRow:
    """An upload that is not deleted, and the user's where one is named. Raises NotFound."""
    return owned(session, FileRow, code, user_id=user_id)


def jobs_page(session: Session, criteria: JobFilter, *, limit: int) -> tuple[list[JobRow], str | None]:
    """Up to `limit` jobs, and the code `before` which the next page is; None when there are no more.

    Whatever the filter, an index has the jobs in this order, so that a page costs the same among any number of jobs.
    What is in the metadata is in no index: that many of the newest jobs are searched for it at a time, so there may be
    a next page although this one is not full. Raises BadInput when there is no job `before`.
    """
    clauses, reached = _conditions(session, criteria)
    found = _newest(session, criteria, clauses, at_most=limit + 1)
    if len(found) > limit:
        return found[:limit], found[limit - 1].code
    return found, reached


def count_newer(session: Session, criteria: JobFilter, newest: str, *, at_most: int) -> int:
    """How many jobs are newer than `newest`, at most `at_most`; 0 when that job does not exist."""
    try:
        newest_id = id_behind(session, JobRow, newest, user_id=criteria.user_id)
    except BadInput:
        return 0
    clauses, _ = _conditions(session, criteria, col(JobRow.id) > newest_id)
    return len(_ids(session, criteria, clauses, at_most=at_most))


def _newest(
    session: Session, criteria: JobFilter, clauses: Sequence[ColumnElement[bool]], *, at_most: int
) -> list[JobRow]:
    if criteria.statuses or criteria.model_id is not None:
        clauses = [col(JobRow.id).in_(_ids(session, criteria, clauses, at_most=at_most))]
    return list(session.exec(select(JobRow).where(*clauses).order_by(col(JobRow.id).desc()).limit(at_most)))


def _ids(
    session: Session, criteria: JobFilter, clauses: Sequence[ColumnElement[bool]], *, at_most: int
) -> Sequence[int]:
    query = newest_ids(_in_order(criteria, clauses), at_most=at_most)
    return session.connection().execute(query).scalars().all()


def _in_order(criteria: JobFilter, clauses: Sequence[ColumnElement[bool]]) -> Iterator[Select[Any]]:
    """Queries for ids, each of which an index answers in their order: those by model are by status too."""
    ids = select_columns(JOBS.c.id).where(*clauses)
    if not criteria.statuses and criteria.model_id is None:
        yield ids
        return
    for status in sorted(criteria.statuses) or JobStatus:
        yield ids.where(JOBS.c.job_status == status)


def _conditions(
    session: Session, criteria: JobFilter, *more: ColumnElement[bool]
) -> tuple[list[ColumnElement[bool]], str | None]:
    """All conditions but the statuses, and the code of the last job that is searched, where that is not the last."""
    bounds = [*more, *_id_bounds(session, criteria)]
    if not criteria.text or criteria.text.startswith(JOB_PREFIX):
        return [*criteria.clauses(), *bounds], None
    sent = select(SubmissionRow.job_code).where(col(SubmissionRow.ref_id) == criteria.text).limit(MAX_SAME_IDS)
    if codes := list(session.exec(sent)):
        return [*criteria.clauses(), *bounds, col(JobRow.code).in_(codes)], None
    # The JSON column holds what json.dumps writes, in which everything beyond ASCII is escaped.
    written = json.dumps(criteria.text)[1:-1]
    clauses = [*criteria.clauses(), *bounds, cast(col(JobRow.extra), String).icontains(written, autoescape=True)]
    in_scope = [*bounds, *([] if criteria.user_id is None else [col(JobRow.user_id) == criteria.user_id])]
    newest = select(JobRow.id).where(*in_scope).order_by(col(JobRow.id).desc())
    oldest_id = session.exec(newest.offset(SEARCHED_AT_ONCE - 1).limit(1)).one_or_none()
    if oldest_id is None:
        return clauses, None
    behind = [col(JobRow.id) >= oldest_id, *in_scope, col(JobRow.deleted).is_(False)]
    last = session.exec(select(JobRow.code).where(*behind).order_by(col(JobRow.id)).limit(1)).one_or_none()
    searched = newest.limit(SEARCHED_AT_ONCE).subquery()  # its limit keeps a planner from another way to these jobs
    return [*clauses, col(JobRow.id).in_(select(searched.c.id))], last


def _id_bounds(session: Session, criteria: JobFilter) -> Iterator[ColumnElement[bool]]:
    """What the cursor, the times and the beginning of a code say of the ids. Times are not exact: codes are."""
    if criteria.before is not None:
        yield col(JobRow.id) < id_behind(session, JobRow, criteria.before, user_id=criteria.user_id)
    yield from ids_between(session, criteria.created_after, criteria.created_before)
    if criteria.text.startswith(JOB_PREFIX):
        first, last = moment_of(criteria.text), moment_of(criteria.text.ljust(LONGEST_CODE, LAST_LETTER))
        if first is None or last is None:
            yield false()
            return
        yield and_(col(JobRow.code) >= criteria.text, col(JobRow.code) < criteria.text + BEHIND_ALL_CODES)
        yield from ids_between(session, first, last)


def jobs_by_code(session: Session, codes: Sequence[str], *, user_id: str | None) -> list[JobRow]:
    """The jobs with these codes, newest first; only the user's where one is named."""
    named = select(JobRow).where(col(JobRow.code).in_(codes), *JobFilter(user_id=user_id).clauses())
    return list(session.exec(named.order_by(col(JobRow.id).desc())))


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
