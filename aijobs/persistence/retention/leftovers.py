"""What no job, upload or user owns for long: webhooks that have ended, answers to repetitions, sessions, old acts."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Table, select, tuple_
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


def forget_expired(session: Session, table: Table, keys: Sequence[Sequence[Any]]) -> int:
    """Delete rows by their primary keys."""
    columns = tuple_(*table.primary_key.columns)
    return connection_of(session).execute(delete_rows(table).where(columns.in_(keys))).rowcount


def expired(session: Session, settings: RetentionSettings) -> Iterator[tuple[Table, list[tuple[Any, ...]]]]:
    """Primary keys of rows whose time is over, by table; at most AT_ONCE of each."""
    at = now()
    keys, sessions, receipts = (_TABLES[name] for name in ("idempotency_key", "browser_session", "webhook_receipt"))
    yield keys, _before(session, keys, "create_time", at - KEPT_FOR)
    yield sessions, _before(session, sessions, "expires_at", at)
    if (before := _moment(settings.incoming_webhooks, at)) is not None:
        yield receipts, _before(session, receipts, "create_time", before)
    if (before := _moment(settings.webhook_deliveries, at)) is not None:
        yield DELIVERIES, _ended_deliveries(session, before)


def trim_acts(session: Session, settings: RetentionSettings) -> int:
    """Delete the oldest acts of the audit log whose time is over; returns how many."""
    before = _moment(settings.audit_log, now())
    return 0 if before is None else trim(session, before=before, at_most=AT_ONCE)


def _moment(lifetime: Lifetime, at: datetime) -> datetime | None:
    return at - lifetime if isinstance(lifetime, timedelta) else None


def _before(session: Session, table: Table, column: str, before: datetime) -> list[tuple[Any, ...]]:
    found = select(*table.primary_key.columns).where(table.c[column] < before).limit(AT_ONCE)
    return [tuple(row) for row in connection_of(session).execute(found)]


def _ended_deliveries(session: Session, before: datetime) -> list[tuple[Any, ...]]:
    held = held_now(session)
    whose = DELIVERIES.c.user_id
    found = (
        select(DELIVERIES.c.id)
        .where(
            DELIVERIES.c.ended_at < before,
            whose.is_(None) | whose.not_in(held.users),
            DELIVERIES.c.job_code.is_(None) | DELIVERIES.c.job_code.not_in(held.jobs),
        )
        .limit(AT_ONCE)
    )
    return [tuple(row) for row in connection_of(session).execute(found)]
