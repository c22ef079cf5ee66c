"""Everything that the database has of a user, table by table, in pages."""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, select, tuple_
from sqlmodel import Session, SQLModel

from aijobs.domain.jobs.events import rfc3339
from aijobs.domain.values.redaction import without_secrets
from aijobs.persistence.database import connection_of
from aijobs.persistence.tables.locked_jobs import JOBS

AT_ONCE: Final = 500  #: rows
JOBS_AT_ONCE: Final = 100

_TABLES: Final = SQLModel.metadata.tables

#: Tables whose rows name their user, by the name of the file in an export.
OF_USER: Final[Mapping[str, str]] = {
    "jobs": "job",
    "batches": "batch",
    "batch_items": "batch_item",
    "uploads": "file",
    "photo_reviews": "photo_review_analysis",
    "beautified_photos": "photo_beautify",
    "document_rows": "template_row",
    "points": "points_entry",
    "points_by_day": "points_day",
    "points_limit": "points_limit",
    "share": "user_share",
    "lifetimes": "retention_rule",
    "webhook_endpoints": "webhook_endpoint",
    "webhook_deliveries": "webhook_delivery",
    "task_ids": "track",
    "keys": "api_key",
    "sessions": "browser_session",
    "acts": "audit_log",
}

#: Tables whose rows name a job of the user's.
OF_JOBS: Final[Mapping[str, str]] = {
    "events": "job_event",
    "submissions": "submission",
    "vendor_reports": "vendor_report",
    "outputs": "output",
    "conversations": "conversation",
    "messages": "conversation_message",
    "documents": "conversation_document",
    "table_changes": "table_change",
}

#: What lets somebody in, or only we need.
NOT_EXPORTED: Final = frozenset({"sha256", "token", "request_sha256", "traceparent", "session", "position", "let_go"})


@dataclass(frozen=True)
class TablePage:
    """Rows as documents, and the key of the last of them; None when there are no more."""

    rows: list[dict[str, Any]]
    last: tuple[Any, ...] | None


def rows_of_user(session: Session, name: str, user_id: str, after: tuple[Any, ...] | None) -> TablePage:
    table = _TABLES[OF_USER[name]]
    return _page(session, table, table.c.user_id == user_id, after)


def rows_of_jobs(session: Session, name: str, codes: Sequence[str], after: tuple[Any, ...] | None) -> TablePage:
    table = _TABLES[OF_JOBS[name]]
    return _page(session, table, table.c.job_code.in_(codes), after)


def job_codes(session: Session, user_id: str, after: int) -> list[tuple[int, str]]:
    """Ids and codes of the next jobs of the user."""
    query = select(JOBS.c.id, JOBS.c.code).where(JOBS.c.user_id == user_id, JOBS.c.id > after).order_by(JOBS.c.id)
    return [(row.id, row.code) for row in connection_of(session).execute(query.limit(JOBS_AT_ONCE))]


def _page(session: Session, table: Table, condition: ColumnElement[bool], after: tuple[Any, ...] | None) -> TablePage:
    key = list(table.primary_key.columns)
    query = select(table).where(condition).order_by(*key).limit(AT_ONCE)
    if after is not None:
        query = query.where(tuple_(*key) > tuple_(*after))
    rows = connection_of(session).execute(query).mappings().all()
    last = tuple(rows[-1][column.key] for column in key) if len(rows) == AT_ONCE else None
    return TablePage([dict(_document(row)) for row in rows], last)


def _document(row: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if name not in NOT_EXPORTED:
            yield name, _JSON.get(type(value), _as_it_is)(value)


def _as_it_is(value: Any) -> Any:
    return value


_JSON: Final[Mapping[type, Callable[[Any], Any]]] = {
    datetime: rfc3339,
    date: date.isoformat,
    bytes: lambda packed: json.loads(zlib.decompress(packed)),
    dict: without_secrets,
}
