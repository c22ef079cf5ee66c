"""Lists of jobs: by filters whose jobs an index has in order, and by what is looked for in a part of them at a time."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, String, and_, cast, exists, false, func, or_, union_all
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from aijobs.domain.errors import BadInput
from aijobs.domain.jobs.job import RerunFrom
from aijobs.domain.lifecycle import BAD_ENDS, JobStatus
from aijobs.domain.values.ids import CROCKFORD, first_code_since, moment_of
from aijobs.persistence.access.batches import chunked
from aijobs.persistence.owned import id_behind
from aijobs.persistence.paging import ids_between, newest_ids
from aijobs.persistence.tables import FileRow, FileUseRow, JobRow, SubmissionRow
from aijobs.persistence.tables.locked_jobs import JOBS

JOB_PREFIX: Final = "job_"
BEHIND_ALL_CODES: Final = "~"  #: sorts behind every letter and digit of a code
LAST_LETTER: Final = CROCKFORD[-1]
LONGEST_CODE: Final = 40
END_OF_CODE: Final = re.compile(f"[{CROCKFORD}]{{4,26}}")
SHORTENED: Final = "…"  #: stands for the middle of a code that is shown

SEARCHED_AT_ONCE: Final = 5_000
"""Jobs that are looked into for one page."""

MAX_COUNTED: Final = 10_000
"""Jobs in one status that are counted."""

MAX_SAME_IDS: Final = 100  #: jobs to which providers gave the same id


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which jobs to list; a field without a value filters nothing. The page begins behind the job `cursor`.

    `text` is the beginning of a code, or the whole id at the provider; or else the end of a code, or a part of the
    parameters, the metadata, the error or the name of an upload. `error` is an error's code; `metadata` are whole
    values.
    """

    user_id: str | None = None
    statuses: frozenset[JobStatus] = frozenset()
    model_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    text: str = ""
    error: str | None = None
    out_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    cursor: str | None = None
    oldest_first: bool = False

    def clauses(self) -> Iterator[ColumnElement[bool]]:
        """What indexes have of these fields, but for the statuses and the cursor. Times are compared by code."""
        yield col(JobRow.deleted).is_(False)
        if self.user_id is not None:
            yield col(JobRow.user_id) == self.user_id
        if self.model_id is not None:
            yield col(JobRow.model_id) == self.model_id
        if self.created_after is not None:
            yield col(JobRow.code) >= first_code_since(self.created_after)
        if self.created_before is not None:
            yield col(JobRow.code) < first_code_since(self.created_before)


@dataclass(frozen=True)
class _Listing:
    """`queries` find ids, each in the order of an index. `tests` say which of them are meant, and no index does."""

    queries: Sequence[Select[Any]]
    tests: Sequence[ColumnElement[bool]]


def jobs_page(session: Session, criteria: JobFilter, *, limit: int) -> tuple[list[JobRow], str | None]:
    """Up to `limit` jobs, and the code `cursor` which the next page is behind; None when there are no more.

    Whatever the filter, an index has the jobs in this order, so that a page costs the same among any number of jobs.
    What is in documents, such as parameters, is in no index: so many of the jobs are looked into at a time, so there
    may be a next page although this one is not full. Raises BadInput when there is no job `cursor`.
    """
    listing = _listing(session, criteria)
    at_most = SEARCHED_AT_ONCE if listing.tests else limit + 1
    ids = _ids(session, listing, at_most=at_most, oldest_first=criteria.oldest_first)
    rows = _matching(session, ids, listing.tests, at_most=limit + 1, oldest_first=criteria.oldest_first)
    if len(rows) > limit:
        return rows[:limit], rows[limit - 1].code
    if not listing.tests or len(ids) < SEARCHED_AT_ONCE:
        return rows, None
    return rows, session.exec(select(JobRow.code).where(col(JobRow.id) == ids[-1])).one()


def count_newer(session: Session, criteria: JobFilter, newest: str, *, at_most: int) -> int:
    """How many jobs are newer than `newest`, at most `at_most`; 0 when that job does not exist."""
    try:
        newest_id = id_behind(session, JobRow, newest, user_id=criteria.user_id)
    except BadInput:
        return 0
    listing = _listing(session, criteria, col(JobRow.id) > newest_id)
    ids = _ids(session, listing, at_most=SEARCHED_AT_ONCE if listing.tests else at_most)
    return min(_count(session, ids, listing.tests), at_most)


def _ids(session: Session, listing: _Listing, *, at_most: int, oldest_first: bool = False) -> Sequence[int]:
    query = newest_ids(listing.queries, at_most=at_most, oldest_first=oldest_first)
    return session.connection().execute(query).scalars().all()


def _matching(
    session: Session,
    ids: Sequence[int],
    tests: Sequence[ColumnElement[bool]],
    *,
    at_most: int,
    oldest_first: bool,
) -> list[JobRow]:
    """The first of these jobs that pass. By their ids, some at a time, so that no planner goes another way to them."""
    rows: list[JobRow] = []
    order = col(JobRow.id).asc() if oldest_first else col(JobRow.id).desc()
    for some in chunked(ids):
        found = select(JobRow).where(col(JobRow.id).in_(some), *tests).order_by(order)
        rows += session.exec(found.limit(at_most - len(rows)))
        if len(rows) == at_most:
            break
    return rows


def _count(session: Session, ids: Sequence[int], tests: Sequence[ColumnElement[bool]]) -> int:
    if not tests:
        return len(ids)
    counts = (select(func.count()).select_from(JobRow).where(col(JobRow.id).in_(some), *tests) for some in chunked(ids))
    return sum(session.exec(count).one() for count in counts)


@dataclass(frozen=True)
class Total:
    """How many jobs match, or that there are at least so many."""

    count: int
    is_exact: bool


def count_jobs(session: Session, criteria: JobFilter) -> Total | None:
    """How many jobs match, on all pages: counted up to MAX_COUNTED, from indexes. None when no index can tell."""
    listing = _listing(session, _by_status(criteria))
    if listing.tests:
        return _count_tested(session, listing)
    counts = [
        select_columns(func.count().label("n")).select_from(one.limit(MAX_COUNTED + 1).subquery())
        for one in listing.queries
    ]
    found = sum(session.connection().execute(union_all(*counts)).scalars())
    return Total(min(found, MAX_COUNTED), is_exact=found <= MAX_COUNTED)


def _by_status(criteria: JobFilter) -> JobFilter:
    """The same jobs from the first page on, from indexes alone: those by status have all that is counted by."""
    fields = {name: getattr(criteria, name) for name in criteria.__dataclass_fields__}
    return JobFilter(**{**fields, "cursor": None, "statuses": criteria.statuses or frozenset(JobStatus)})


def _count_tested(session: Session, listing: _Listing) -> Total | None:
    ids = _ids(session, listing, at_most=SEARCHED_AT_ONCE + 1)
    if len(ids) > SEARCHED_AT_ONCE:
        return None
    return Total(_count(session, ids, listing.tests), is_exact=True)


def _listing(session: Session, criteria: JobFilter, *more: ColumnElement[bool]) -> _Listing:
    clauses = [*criteria.clauses(), *more, *_id_bounds(session, criteria)]
    tests = [*_tests(criteria)]
    codes = _codes_at_provider(session, criteria.out_id) if criteria.out_id else None
    if criteria.text and not criteria.text.startswith(JOB_PREFIX):
        by_text = _codes_at_provider(session, criteria.text)
        if by_text:
            codes = by_text if codes is None else [code for code in codes if code in by_text]
        if not by_text:
            tests.append(or_(*_holding(criteria.text)))
    if codes is None:
        return _Listing(list(_in_order(criteria, clauses)), tests)
    statuses = [JOBS.c.job_status.in_(criteria.statuses)] if criteria.statuses else []
    return _Listing([select_columns(JOBS.c.id).where(JOBS.c.code.in_(codes), *clauses, *statuses, *tests)], [])


def _in_order(criteria: JobFilter, clauses: Sequence[ColumnElement[bool]]) -> Iterator[Select[Any]]:
    """Queries for ids, each of which an index answers in their order: those by model are by status too."""
    ids = select_columns(JOBS.c.id).where(*clauses)
    statuses = criteria.statuses
    if criteria.error:
        statuses = statuses & set(BAD_ENDS) if statuses else frozenset(BAD_ENDS)
        if not statuses:
            yield ids.where(false())
            return
    if not statuses and criteria.model_id is None:
        yield ids
        return
    for status in sorted(statuses) or JobStatus:
        yield ids.where(JOBS.c.job_status == status)


def _codes_at_provider(session: Session, ref_id: str) -> list[str]:
    """The jobs to which providers gave this id, and those that moved the results of one of them again."""
    sent = select(SubmissionRow.job_code).where(col(SubmissionRow.ref_id) == ref_id).limit(MAX_SAME_IDS)
    if not (codes := list(session.exec(sent))):
        return []
    moved = select(JobRow.code).where(
        col(JobRow.rerun_of).in_(codes), col(JobRow.rerun_from) == RerunFrom.MIGRATION, col(JobRow.out_id) == ref_id
    )
    return [*codes, *session.exec(moved.limit(MAX_SAME_IDS))]


def _tests(criteria: JobFilter) -> Iterator[ColumnElement[bool]]:
    if criteria.error:
        yield JOBS.c.error["code"].as_string() == criteria.error
    for name, value in criteria.metadata.items():
        yield _has_member(JOBS.c.metadata, name, value)


def _has_member(document: ColumnElement[Any], name: str, value: str) -> ColumnElement[bool]:
    """Whether an object of texts has this member, in what json.dumps writes. `replace` tells capitals apart: on SQLite
    LIKE does not, and a JSON path cannot hold every name.
    """
    written, member = cast(document, String), json.dumps({name: value})[1:-1]
    is_first, is_later = (func.replace(written, before + member, "") != written for before in ("{", ", "))
    return or_(is_first, is_later)  # no other member's name can end with what is before it


def _holding(text: str) -> Iterator[ColumnElement[bool]]:
    # A JSON column holds what json.dumps writes, in which everything beyond ASCII is escaped.
    written = json.dumps(text)[1:-1]
    for document in (JOBS.c.metadata, JOBS.c.params, JOBS.c.error):
        yield cast(document, String).icontains(written, autoescape=True)
    named = col(FileRow.name).icontains(text, autoescape=True)
    yield exists().where(
        col(FileUseRow.job_code) == JOBS.c.code,
        col(FileRow.code) == col(FileUseRow.file_code),
        col(FileRow.deleted).is_(False),
        named,
    )
    if END_OF_CODE.fullmatch(end := text.rpartition(SHORTENED)[2].upper()):
        yield JOBS.c.code.endswith(end)


def _id_bounds(session: Session, criteria: JobFilter) -> Iterator[ColumnElement[bool]]:
    """What the cursor, the times and the beginning of a code say of the ids. Times are not exact: codes are."""
    if criteria.cursor is not None:
        behind = id_behind(session, JobRow, criteria.cursor, user_id=criteria.user_id)
        yield col(JobRow.id) > behind if criteria.oldest_first else col(JobRow.id) < behind
    yield from ids_between(session, criteria.created_after, criteria.created_before)
    if criteria.text.startswith(JOB_PREFIX):
        beginning = criteria.text.partition(SHORTENED)[0]
        first, last = moment_of(beginning), moment_of(beginning.ljust(LONGEST_CODE, LAST_LETTER))
        if first is None:
            yield false()
            return
        yield and_(col(JobRow.code) >= beginning, col(JobRow.code) < beginning + BEHIND_ALL_CODES)
        yield from ids_between(session, first, last)
        if end := criteria.text[len(beginning) :].removeprefix(SHORTENED):
            yield col(JobRow.code).endswith(end, autoescape=True)


def jobs_by_code(session: Session, codes: Sequence[str], *, user_id: str | None) -> list[JobRow]:
    """The jobs with these codes, newest first; only the user's where one is named."""
    named = select(JobRow).where(col(JobRow.code).in_(codes), *JobFilter(user_id=user_id).clauses())
    return list(session.exec(named.order_by(col(JobRow.id).desc())))
