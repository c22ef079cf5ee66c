"""The audit log as one file, JSON Lines or CSV, oldest act first. Exporting it is an act too."""

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, select

from aijobs.domain.jobs.events import rfc3339
from aijobs.domain.values.audit import Act, ActKind
from aijobs.domain.values.safe_csv import BYTE_ORDER_MARK, safe_csv
from aijobs.persistence.audit_log import AuditFilter, record
from aijobs.persistence.database import Database
from aijobs.persistence.tables import AuditRow

AT_ONCE: Final = 500  #: rows that are read together

#: Of a line, in the order of a table's columns: the names that the API has too.
COLUMNS: Final = (
    "id",
    "at",
    "act",
    "target",
    "user_id",
    "actor_kind",
    "actor",
    "key_id",
    "session",
    "address",
    "request_id",
    "before",
    "after",
)


async def export_audit(database: Database, which: AuditFilter, *, as_csv: bool) -> AsyncIterator[str]:
    """The file's text, piece by piece. What is recorded meanwhile, this export too, is not in it."""
    last = await database.write(_begin, which, as_csv=as_csv)
    return _pieces(database, which, last, as_csv=as_csv)


async def _pieces(database: Database, which: AuditFilter, last: int, *, as_csv: bool) -> AsyncIterator[str]:
    if as_csv:
        yield BYTE_ORDER_MARK + safe_csv([COLUMNS])
    after = 0
    while rows := await database.snapshot(_rows, which, after, last):
        yield safe_csv(_cells(rows)) if as_csv else "".join(map(_line, rows))
        after = rows[-1].id or last


def _begin(session: Session, which: AuditFilter, *, as_csv: bool) -> int:
    """Records the export. Returns the id of the last act before it."""
    newest = session.exec(select(AuditRow.id).order_by(col(AuditRow.id).desc()).limit(1)).one_or_none()
    asked = {name: _told(value) for name, value in vars(which).items() if value is not None}
    after = {"format": "csv" if as_csv else "jsonl", **asked}
    record(session, Act(kind=ActKind.AUDIT_EXPORTED, target="audit_log", after=after))
    return newest or 0


def _rows(session: Session, which: AuditFilter, after: int, last: int) -> list[AuditRow]:
    between = col(AuditRow.id) > after, col(AuditRow.id) <= last
    query = select(AuditRow).where(*between, *which.conditions()).order_by(col(AuditRow.id))
    return list(session.exec(query.limit(AT_ONCE)))


def document_of(row: AuditRow) -> dict[str, Any]:
    """An act as a line of the file has it."""
    document = {"id": row.code, **row.model_dump(exclude={"id", "code"}), "at": rfc3339(row.at)}
    return {name: document[name] for name in COLUMNS}


def _line(row: AuditRow) -> str:
    return json.dumps(document_of(row), ensure_ascii=False) + "\n"


def _cells(rows: Iterable[AuditRow]) -> Iterator[list[str]]:
    for row in rows:
        yield [_cell(value) for value in document_of(row).values()]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _told(value: Any) -> str:
    return rfc3339(value) if isinstance(value, datetime) else str(value)
