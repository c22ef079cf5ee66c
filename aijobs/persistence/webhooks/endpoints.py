"""Webhook endpoints, and the versions of their signing secrets."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func
from sqlmodel import Session, col, select

from aijobs.domain.errors import TooManyEndpoints
from aijobs.domain.values.audit import Act, ActKind
from aijobs.domain.values.ids import new_id
from aijobs.domain.webhooks import DisabledReason
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.database import lock_name
from aijobs.persistence.owned import owned
from aijobs.persistence.tables import WebhookEndpointRow, WebhookSecretRow

MAX_ENDPOINTS: Final = 20
"""Of one user, and as many for all users: every event of a job reads them."""


def create_endpoint(
    session: Session, *, user_id: str | None, url: str, events: Sequence[str], created_by: str
) -> WebhookEndpointRow:
    """For the jobs of a user, or of all. Raises TooManyEndpoints."""
    lock_name(session, f"endpoints of {user_id}")
    theirs = select(func.count(col(WebhookEndpointRow.id))).where(
        col(WebhookEndpointRow.deleted).is_(False), col(WebhookEndpointRow.user_id).is_not_distinct_from(user_id)
    )
    if session.exec(theirs).one() >= MAX_ENDPOINTS:
        raise TooManyEndpoints(f"There are {MAX_ENDPOINTS} endpoints already; delete one, or let one hear of more.")
    row = WebhookEndpointRow(
        code=new_id("endpoint"), user_id=user_id, url=url, events=list(events), create_by=created_by
    )
    session.add(row)
    _record(session, row, ActKind.ENDPOINT_MADE, after=_told(row))
    return row


def endpoints_of(session: Session, *, user_id: str | None) -> list[WebhookEndpointRow]:
    """The user's, or everybody's where no user is named; oldest first."""
    query = select(WebhookEndpointRow).where(col(WebhookEndpointRow.deleted).is_(False))
    if user_id is not None:
        query = query.where(col(WebhookEndpointRow.user_id) == user_id)
    return list(session.exec(query.order_by(col(WebhookEndpointRow.id))))


def endpoint_of(session: Session, code: str, *, user_id: str | None) -> WebhookEndpointRow:
    """An endpoint. Raises NotFound when it does not exist or is another user's."""
    return owned(session, WebhookEndpointRow, code, user_id=user_id)


def locked_endpoint(session: Session, code: str, *, user_id: str | None) -> WebhookEndpointRow:
    """As `endpoint_of`, locked until the transaction ends."""
    return owned(session, WebhookEndpointRow, code, user_id=user_id, locked=True)


def change_endpoint(
    session: Session,
    row: WebhookEndpointRow,
    *,
    url: str | None,
    events: Sequence[str] | None,
    enabled: bool | None,
) -> None:
    """Change what is named. Enabling an endpoint forgets how long it has failed."""
    before = _told(row)
    if url is not None:
        row.url = url
    if events is not None:
        row.events = list(events)
    if enabled is False and row.enabled:
        _close(row, DisabledReason.OWNER)
    if enabled is True:
        row.enabled, row.disabled_reason, row.disabled_at, row.failing_since = True, None, None, None
    row.update_time = now()
    if (after := _told(row)) != before:
        _record(session, row, ActKind.ENDPOINT_CHANGED, before=before, after=after)


def close_endpoint(session: Session, row: WebhookEndpointRow, why: DisabledReason) -> None:
    """Disable the endpoint."""
    before = _told(row)
    _close(row, why)
    _record(session, row, ActKind.ENDPOINT_CHANGED, before=before, after=_told(row))


def _close(row: WebhookEndpointRow, why: DisabledReason) -> None:
    row.enabled, row.disabled_reason, row.disabled_at = False, why, now()


def delete_endpoint(session: Session, row: WebhookEndpointRow) -> None:
    """Delete the endpoint. Its pending deliveries fail at their next attempt."""
    row.deleted = True
    row.update_time = now()
    _record(session, row, ActKind.ENDPOINT_DELETED, before=_told(row))


def rotate_secret(session: Session, row: WebhookEndpointRow) -> None:
    row.secret_version += 1
    row.rotated_at = row.update_time = now()
    _record(session, row, ActKind.ENDPOINT_ROTATED, after={"version": row.secret_version})


def user_secret(session: Session, user_id: str) -> WebhookSecretRow:
    """The version of the secret that signs webhooks to the `callback_url` of a user's jobs."""
    return session.get(WebhookSecretRow, user_id) or WebhookSecretRow(user_id=user_id)


def rotate_user_secret(session: Session, user_id: str) -> WebhookSecretRow:
    row = session.get(WebhookSecretRow, user_id, with_for_update=True) or WebhookSecretRow(user_id=user_id)
    row.version += 1
    row.rotated_at = now()
    session.add(row)
    record(
        session,
        Act(kind=ActKind.CALLBACKS_ROTATED, target=user_id, user_id=user_id, after={"version": row.version}),
    )
    return row


def _record(session: Session, row: WebhookEndpointRow, kind: ActKind, **changed: dict[str, Any]) -> None:
    record(session, Act(kind=kind, target=row.code, user_id=row.user_id, **changed))


def _told(row: WebhookEndpointRow) -> dict[str, Any]:
    return {"url": row.url, "events": list(row.events), "enabled": row.enabled, "why": row.disabled_reason}
