"""What no job, upload or user owns for long: webhooks that have ended, answers to repetitions, sessions, old acts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, and_, select, tuple_
from sqlalchemy import delete as delete_rows
from sqlmodel import Session, SQLModel

from aijobs.domain.jobs.retention import Lifetime, RetentionSettings
from aijobs.persistence.access.idempotency import KEPT_FOR
from aijobs.persistence.audit_log import trim
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.retention.holds import held_now

AT_ONCE: Final = 500

_TABLES: Final = SQLModel.metadata.tables
DELIVERIES: Final = _TABLES["webhook_delivery"]


Keys = list[tuple[Any, ...]]
"""Primary keys of a table's rows."""


@dataclass(frozen=True)
class Expired:
    """Rows of a table, by their primary keys, whose time `is_over`: which is looked at again when they are deleted,
    since a row may have been taken anew."""

    table: Table
    keys: Keys
    is_over: ColumnElement[bool]


def forget(session: Session, table: Table, keys: Sequence[Sequence[Any]], *conditions: ColumnElement[bool]) -> int:
    """Delete rows by their primary keys, those for which the conditions hold."""
    columns = tuple_(*table.primary_key.columns)
    return connection_of(session).execute(delete_rows(table).where(columns.in_(keys), *conditions)).rowcount


def forget_expired(session: Session, expired: Expired) -> int:
    """Delete those whose time is over still."""
    return forget(session, expired.table, expired.keys, expired.is_over)


def expired(session: Session, settings: RetentionSettings) -> list[Expired]:
    """Rows whose time is over, at most AT_ONCE of each table."""
    found = (_found(session, table, is_over) for table, is_over in _lifetimes(session, settings))
    return [some for some in found if some.keys]


def _found(session: Session, table: Table, is_over: ColumnElement[bool]) -> Expired:
    rows = connection_of(session).execute(select(*table.primary_key.columns).where(is_over).limit(AT_ONCE))
    return Expired(table, [tuple(row) for row in rows], is_over)


def _lifetimes(session: Session, settings: RetentionSettings) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Tables, and of which of their rows the time is over."""
    at = now()
    keys, sessions, receipts = (_TABLES[name] for name in ("idempotency_key", "browser_session", "webhook_receipt"))
    yield keys, keys.c.create_time < at - KEPT_FOR
    yield sessions, sessions.c.expires_at < at
    if (before := _moment(settings.incoming_webhooks, at)) is not None:
        yield receipts, receipts.c.create_time < before
    if (before := _moment(settings.webhook_deliveries, at)) is not None:
        yield DELIVERIES, _ended_deliveries(session, before)


def trim_acts(session: Session, settings: RetentionSettings) -> int:
    """Delete the oldest acts of the audit log whose time is over; returns how many."""
    before = _moment(settings.audit_log, now())
    return 0 if before is None else trim(session, before=before, at_most=AT_ONCE)


def _moment(lifetime: Lifetime, at: datetime) -> datetime | None:
    return at - lifetime if isinstance(lifetime, timedelta) else None


def _ended_deliveries(session: Session, before: datetime) -> ColumnElement[bool]:
    held = held_now(session)
    whose = DELIVERIES.c.user_id
    return and_(
        DELIVERIES.c.ended_at < before,
        whose.is_(None) | whose.not_in(held.users),
        DELIVERIES.c.job_code.is_(None) | DELIVERIES.c.job_code.not_in(held.jobs),
    )
