"""Finding jobs, newest first: by what they are, by any part of their metadata, by their code, by the provider's id."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, String, and_, cast, func, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from aijobs.domain.errors import BadInput, NotFound
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.first_id import first_code_since
from aijobs.persistence.jobs.records import job_of
from aijobs.persistence.paging import page_of
from aijobs.persistence.tables import JobRow, SubmissionRow

JOB_PREFIX: Final = "job_"
BEHIND_ALL_CODES: Final = "~"  #: sorts behind every letter and digit of a code


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """What to list; nothing named means everything. `before` is the code of the job that the page comes behind.

    `text` is the beginning of a code, else a part of the metadata or the provider's whole id.
    """

    user_id: str | None = None
    statuses: frozenset[JobStatus] = frozenset()
    model_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    text: str = ""
    before: str | None = None

    def clauses(self) -> Iterator[ColumnElement[bool]]:
        """Of all but `before`. Times are compared by code, which is indexed."""
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
            yield _speaks_of(self.text)


async def jobs_page(session: AsyncSession, wanted: JobFilter, *, limit: int) -> tuple[list[JobRow], bool]:
    """Up to `limit` jobs, and whether there are more. Raises BadInput when there is no job `before`."""
    query = select(JobRow).where(*wanted.clauses())
    if wanted.before is not None:
        query = query.where(col(JobRow.id) < await _place_of(session, wanted.before, user_id=wanted.user_id))
    return await page_of(session, query.order_by(col(JobRow.id).desc()), limit=limit)


async def count_newer(session: AsyncSession, wanted: JobFilter, newest: str, *, at_most: int) -> int:
    """How many jobs have come since the job `newest`; counts to `at_most`, and none when that job is not there."""
    try:
        place = await _place_of(session, newest, user_id=wanted.user_id)
    except BadInput:
        return 0
    newer = select(JobRow.id).where(col(JobRow.id) > place, *wanted.clauses()).limit(at_most)
    return (await session.exec(select(func.count()).select_from(newer.subquery()))).one()


async def jobs_by_code(session: AsyncSession, codes: Sequence[str], *, user_id: str | None) -> list[JobRow]:
    """Those that are there, and the user's where one is named; newest first."""
    named = select(JobRow).where(col(JobRow.code).in_(codes), *JobFilter(user_id=user_id).clauses())
    return list(await session.exec(named.order_by(col(JobRow.id).desc())))


async def _place_of(session: AsyncSession, code: str, *, user_id: str | None) -> int | None:
    try:
        return (await job_of(session, code, user_id=user_id)).id
    except NotFound as unknown:
        raise BadInput("This cursor is none of ours.") from unknown


def _speaks_of(text: str) -> ColumnElement[bool]:
    if text.startswith(JOB_PREFIX):
        return and_(col(JobRow.code) >= text, col(JobRow.code) < text + BEHIND_ALL_CODES)
    # The JSON column holds what json.dumps writes, in which everything beyond ASCII is escaped.
    written = json.dumps(text)[1:-1]
    sent = select(SubmissionRow.job_code).where(col(SubmissionRow.ref_id) == text)
    return or_(cast(col(JobRow.extra), String).contains(written, autoescape=True), col(JobRow.code).in_(sent))
