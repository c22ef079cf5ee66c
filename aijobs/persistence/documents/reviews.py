"""Reviews of extracted tables: rows as a person leaves them, and an append-only list of who changed what."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, delete, func, insert, select, update

from aijobs.domain.documents.review import ChangeKind, NumberedRow, ReviewedTable
from aijobs.domain.documents.sources import sources_of, stored_sources
from aijobs.domain.documents.templates import Template
from aijobs.domain.values.actors import Actor
from aijobs.domain.values.audit import Act, ActKind
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.paging import page_of
from aijobs.persistence.tables import ExtractedRow, JobRow, TableChangeRow


def table_rows(session: Session, job_code: str) -> list[ExtractedRow]:
    """All rows of a job, in order."""
    rows = select(ExtractedRow).where(col(ExtractedRow.source) == job_code)
    return list(session.exec(rows.order_by(col(ExtractedRow.row_number))))


def numbered(rows: Sequence[ExtractedRow]) -> list[NumberedRow]:
    return [NumberedRow(number=row.row_number, values=row.values, sources=sources_of(row.sources)) for row in rows]


def revision_of(session: Session, job_code: str) -> int:
    """How many changes there have been."""
    counted = select(func.count()).select_from(TableChangeRow).where(col(TableChangeRow.job_code) == job_code)
    return session.exec(counted).one()


def changes_page(session: Session, job_code: str, *, after: int, limit: int) -> tuple[list[TableChangeRow], bool]:
    """Up to `limit` changes, the oldest first, those behind the id `after`, and whether there are more."""
    changes = select(TableChangeRow).where(col(TableChangeRow.job_code) == job_code, col(TableChangeRow.id) > after)
    return page_of(session, changes.order_by(col(TableChangeRow.id)), limit=limit)


def keep_review(session: Session, job: JobRow, template: Template, table: ReviewedTable, actor: Actor) -> None:
    """Write the rows that are others now, and what was done. The job must be locked."""
    rows = table_rows(session, job.code)
    known, left = {row.row_number: row for row in rows}, {row.number for row in table.rows}
    gone = [row.row_number for row in rows if row.row_number not in left]
    if gone:
        of_job = col(ExtractedRow.source) == job.code
        session.exec(delete(ExtractedRow).where(of_job, col(ExtractedRow.row_number).in_(gone)))
    for row in table.rows:
        sources = stored_sources(row.sources)
        stored = known.get(row.number)
        if stored is None:
            session.add(_new_row(job, row, sources, template))
        elif stored.values != row.values or stored.sources != sources:
            values = {"values": row.values, "sources": sources}
            session.exec(update(ExtractedRow).where(col(ExtractedRow.id) == stored.id).values(**values))
    at = now()
    session.exec(
        insert(TableChangeRow),
        params=[
            {
                "job_code": job.code,
                "at": at,
                "by": actor.key_id,
                "user_id": actor.user_id,
                "kind": change.kind,
                "row_number": change.row,
                "before": dict(change.before),
                "after": dict(change.after),
            }
            for change in table.changes
        ],
    )
    is_accepted = any(change.kind is ChangeKind.ACCEPTED for change in table.changes)
    job.needs_review = job.needs_review and not is_accepted
    after = {"changes": len(table.changes), "accepted": is_accepted}  # what they are is in the table of changes
    record(session, Act(kind=ActKind.DOCUMENT_REVIEWED, target=job.code, user_id=job.user_id, after=after))


def _new_row(job: JobRow, row: NumberedRow, sources: dict[str, Any], template: Template) -> ExtractedRow:
    return ExtractedRow(
        template_id=template.id,
        template_version=template.version,
        source=job.code,
        user_id=job.user_id,
        row_number=row.number,
        values=row.values,
        sources=sources,
    )
