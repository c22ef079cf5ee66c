"""Finding jobs for people: by any part of their metadata, by their code, by the provider's id."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, String, and_, cast, func, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.errors import NotFound
from persistence.listing import JobFilter
from persistence.recent import first_code
from persistence.records import job_of
from persistence.tables import JobRow, SubmissionRow

JOB_PREFIX: Final = "job_"
BEHIND_ALL_CODES: Final = "~"  #: sorts behind every letter and digit of a code


@dataclass(frozen=True, kw_only=True)
class JobSearch(JobFilter):
    """A filter, and a `text`: the beginning of a code, else a part of the metadata or the provider's whole id."""

    text: str = ""


async def found_page(session: AsyncSession, wanted: JobSearch, *, limit: int) -> tuple[list[JobRow], bool]:
    """Up to `limit` jobs, newest first, and whether there are more. Raises NotFound when there is no job `before`."""
    query = select(JobRow).where(*_clauses(wanted)).order_by(col(JobRow.id).desc()).limit(limit + 1)
    if wanted.before is not None:
        last = await job_of(session, wanted.before, user_id=wanted.user_id)
        query = query.where(col(JobRow.id) < last.id)
    rows = list(await session.exec(query))
    return rows[:limit], len(rows) > limit


async def count_newer(session: AsyncSession, wanted: JobSearch, newest: str, *, at_most: int) -> int:
    """How many jobs have come since the job `newest`; counts to `at_most`, and none when that job is not there."""
    try:
        last = await job_of(session, newest, user_id=wanted.user_id)
    except NotFound:
        return 0
    newer = select(JobRow.id).where(col(JobRow.id) > last.id, *_clauses(wanted)).limit(at_most)
    return (await session.exec(select(func.count()).select_from(newer.subquery()))).one()


async def jobs_by_code(session: AsyncSession, codes: Sequence[str], *, user_id: str | None) -> list[JobRow]:
    """Those that are there, and the user's where one is named; newest first."""
    query = select(JobRow).where(col(JobRow.code).in_(codes), col(JobRow.deleted).is_(False))
    if user_id is not None:
        query = query.where(col(JobRow.user_id) == user_id)
    return list(await session.exec(query.order_by(col(JobRow.id).desc())))


async def reruns_of(session: AsyncSession, code: str) -> list[str]:
    """The codes of the jobs that repeat this one, in the order in which they were made."""
    return list(await session.exec(select(JobRow.code).where(col(JobRow.rerun_of) == code).order_by(col(JobRow.id))))


def _clauses(wanted: JobSearch) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = [col(JobRow.deleted).is_(False)]
    if wanted.user_id is not None:
        clauses.append(col(JobRow.user_id) == wanted.user_id)
    if wanted.statuses:
        clauses.append(col(JobRow.job_status).in_(wanted.statuses))
    if wanted.model_id is not None:
        clauses.append(col(JobRow.model_id) == wanted.model_id)
    if wanted.created_after is not None:
        clauses.append(col(JobRow.code) >= first_code(wanted.created_after))
    if wanted.created_before is not None:
        clauses.append(col(JobRow.code) < first_code(wanted.created_before))
    if wanted.text:
        clauses.append(_speaks_of(wanted.text))
    return clauses


def _speaks_of(text: str) -> ColumnElement[bool]:
    if text.startswith(JOB_PREFIX):
        return and_(col(JobRow.code) >= text, col(JobRow.code) < text + BEHIND_ALL_CODES)
    # The JSON column holds what json.dumps writes, in which everything beyond ASCII is escaped.
    written = json.dumps(text)[1:-1]
    sent = select(SubmissionRow.job_code).where(col(SubmissionRow.ref_id) == text)
    return or_(cast(col(JobRow.extra), String).contains(written, autoescape=True), col(JobRow.code).in_(sent))
