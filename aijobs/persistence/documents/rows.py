"""The rows extracted from documents: written in one transaction, read in pages."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

from sqlalchemy import exists
from sqlmodel import Session, col, delete, insert, select, update

from aijobs.domain.documents.sources import RowSources, stored_sources
from aijobs.domain.documents.templates import Row
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.paging import page_of
from aijobs.persistence.tables import ExtractedRow, JobRow

BATCH_ROWS = 1000  #: written, or read, at once


@dataclass(frozen=True, kw_only=True)
class RowsOrigin:
    """Where rows come from. `source` is the code of a job, or of an upload of a table."""

    template_id: str
    template_version: int
    source: str
    user_id: str


@dataclass(frozen=True, kw_only=True)
class RowFilter:
    """Which rows of a template; None means every user, or every source."""

    template_id: str
    user_id: str | None = None
    source: str | None = None


def write_rows(
    session: Session, origin: RowsOrigin, rows: Iterable[Row], sources: Iterable[RowSources] | None = None
) -> int:
    """Replace all rows of the same source. Returns how many were written. `sources` are those of each row's values.

    `rows` are iterated again when the transaction is. They are read in batches, and may come from a file.
    """
    session.exec(delete(ExtractedRow).where(col(ExtractedRow.source) == origin.source))
    written, remaining, written_at = 0, iter(rows), now()
    known = iter(sources or ())
    while batch := list(itertools.islice(remaining, BATCH_ROWS)):
        session.exec(
            insert(ExtractedRow),
            params=[
                {
                    **vars(origin),
                    "row_number": written + number,
                    "values": values,
                    "sources": None if (cells := next(known, None)) is None else stored_sources(cells),
                    "create_time": written_at,
                }
                for number, values in enumerate(batch, 1)
            ],
        )
        written += len(batch)
    return written


def on_outputs_dropped(session: Session, job_code: str) -> None:
    """Delete the rows of a job when its outputs are dropped: there is nothing to review."""
    session.exec(update(JobRow).where(col(JobRow.code) == job_code).values(needs_review=False))
    session.exec(delete(ExtractedRow).where(col(ExtractedRow.source) == job_code))


def rows_page(
    session: Session, criteria: RowFilter, *, after: int = 0, limit: int = BATCH_ROWS
) -> tuple[list[ExtractedRow], bool]:
    """Up to `limit` rows as they were written, those behind the id `after`, and whether there are more."""
    is_deleted = exists().where(col(JobRow.code) == ExtractedRow.source, col(JobRow.deleted))
    query = select(ExtractedRow).where(
        col(ExtractedRow.template_id) == criteria.template_id, col(ExtractedRow.id) > after, ~is_deleted
    )
    if criteria.user_id is not None:
        query = query.where(col(ExtractedRow.user_id) == criteria.user_id)
    if criteria.source is not None:
        query = query.where(col(ExtractedRow.source) == criteria.source)
    return page_of(session, query.order_by(col(ExtractedRow.id)), limit=limit)


async def all_values(database: Database, criteria: RowFilter) -> AsyncIterator[list[Row]]:
    """The values of every row, a page at a time, as one snapshot has them.

    They are copied into a temporary file first: no transaction is open while a slow reader is waited for.
    """
    with TemporaryFile() as copy:
        await database.snapshot(_copy_values, criteria, copy)
        while line := await asyncio.to_thread(copy.readline):
            yield json.loads(line)


def _copy_values(snapshot: Session, criteria: RowFilter, copy: IO[bytes]) -> None:
    """Each page is a line of JSON."""
    copy.seek(0)
    copy.truncate()
    after, more = 0, True
    while more:
        page, more = rows_page(snapshot, criteria, after=after)
        if page:
            copy.write(json.dumps([row.values for row in page]).encode() + b"\n")
            after = page[-1].id or 0
            snapshot.expunge_all()
    copy.seek(0)
