"""Sending webhooks again: one, or all that were not taken since a time; and the test message."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from aijobs.domain.errors import EndpointDisabled
from aijobs.domain.values.audit import Act, ActKind
from aijobs.domain.values.ids import new_id
from aijobs.domain.webhooks import TEST, DeliveryState
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.database import lock_name
from aijobs.persistence.tables import WebhookDeliveryRow, WebhookEndpointRow
from aijobs.persistence.webhooks.deliveries import end_delivery
from aijobs.persistence.webhooks.endpoints import endpoint_of

AT_ONCE: Final = 500
"""Replayed in one transaction. Whoever asks again continues behind them."""

EVERYTHING: Final = "all"
"""The target of an act that is of no single endpoint or delivery."""

_Newer: Final = aliased(WebhookDeliveryRow)
_REPLAYED: Final = exists().where(col(_Newer.replay_of) == col(WebhookDeliveryRow.code))
_CAN_BE_SENT: Final = or_(
    col(WebhookDeliveryRow.endpoint_code).is_(None),
    exists().where(
        col(WebhookEndpointRow.code) == col(WebhookDeliveryRow.endpoint_code),
        col(WebhookEndpointRow.enabled).is_(True),
        col(WebhookEndpointRow.deleted).is_(False),
    ),
)


@dataclass(frozen=True, kw_only=True)
class ReplayFilter:
    """Which messages to send again: those made from `since` on, and before `until`, which have failed for good.

    With `include_waiting` also those that wait for their next try. Without an endpoint: of every endpoint that is
    enabled, and callbacks.
    """

    since: datetime
    until: datetime | None = None
    user_id: str | None = None
    endpoint_code: str | None = None
    include_waiting: bool = False

    def clauses(self) -> list[ColumnElement[bool]]:
        clauses = [col(WebhookDeliveryRow.create_time) >= self.since, self._state(), ~_REPLAYED, _CAN_BE_SENT]
        if self.until is not None:
            clauses.append(col(WebhookDeliveryRow.create_time) < self.until)
        if self.user_id is not None:
            clauses.append(col(WebhookDeliveryRow.user_id) == self.user_id)
        if self.endpoint_code is not None:
            clauses.append(col(WebhookDeliveryRow.endpoint_code) == self.endpoint_code)
        return clauses

    def _state(self) -> ColumnElement[bool]:
        failed = col(WebhookDeliveryRow.state) == DeliveryState.FAILED
        if not self.include_waiting:
            return failed
        waits = and_(
            col(WebhookDeliveryRow.state) == DeliveryState.PENDING, col(WebhookDeliveryRow.next_try_at) > now()
        )
        return or_(failed, waits)


def replay(session: Session, old: WebhookDeliveryRow) -> WebhookDeliveryRow:
    """A new delivery of the same message, with the same message id, sent at once. Replaces a pending one.

    Raises EndpointDisabled.
    """
    endpoint = _endpoint(session, old.endpoint_code) if old.endpoint_code else None
    if endpoint is not None:
        check_open(endpoint)
    new = _replayed(session, old, url=endpoint.url if endpoint else old.url)
    _record_replay(session, old.code, old.user_id, {"replayed": 1})
    return new


def replay_failed(session: Session, criteria: ReplayFilter) -> tuple[int, bool]:
    """How many were sent again, the oldest first, and whether there are more. What was replayed before is left alone.

    Raises NotFound for an unknown endpoint, and EndpointDisabled.
    """
    if criteria.endpoint_code is not None:
        check_open(endpoint_of(session, criteria.endpoint_code, user_id=criteria.user_id))
    lock_name(session, "replays")
    query = select(WebhookDeliveryRow).where(*criteria.clauses()).order_by(col(WebhookDeliveryRow.id))
    found = list(session.exec(query.limit(AT_ONCE + 1).with_for_update(of=WebhookDeliveryRow, skip_locked=True)))
    rows, has_more = found[:AT_ONCE], len(found) > AT_ONCE
    urls = _urls(session, rows)
    for row in rows:
        _replayed(session, row, url=urls.get(row.endpoint_code or "", row.url))
    _record_replay(session, criteria.endpoint_code or EVERYTHING, criteria.user_id, _told(criteria, len(rows)))
    return len(rows), has_more


def replay_of(session: Session, code: str) -> WebhookDeliveryRow | None:
    """The newest replay of a delivery."""
    query = select(WebhookDeliveryRow).where(col(WebhookDeliveryRow.replay_of) == code)
    return session.exec(query.order_by(col(WebhookDeliveryRow.id).desc()).limit(1)).first()


def test_delivery(session: Session, endpoint: WebhookEndpointRow) -> WebhookDeliveryRow:
    """A delivery of the test event. Raises EndpointDisabled."""
    check_open(endpoint)
    code = new_id("hook")
    row = WebhookDeliveryRow(
        code=code,
        message_id=code,
        endpoint_code=endpoint.code,
        user_id=endpoint.user_id,
        url=endpoint.url,
        topic=TEST,
        state=DeliveryState.PENDING,
    )
    session.add(row)
    record(session, Act(kind=ActKind.ENDPOINT_TESTED, target=endpoint.code, user_id=endpoint.user_id))
    return row


def check_open(endpoint: WebhookEndpointRow) -> None:
    """Raises EndpointDisabled when nothing is sent to it."""
    if endpoint.deleted:
        raise EndpointDisabled("The endpoint was deleted.")
    if not endpoint.enabled:
        raise EndpointDisabled("The endpoint is disabled; enable it first.")


def _replayed(session: Session, old: WebhookDeliveryRow, *, url: str) -> WebhookDeliveryRow:
    if old.state == DeliveryState.PENDING:
        old.state = DeliveryState.REPLACED
        end_delivery(old, now())
    new = WebhookDeliveryRow(
        code=new_id("hook"),
        message_id=old.message_id,
        endpoint_code=old.endpoint_code,
        user_id=old.user_id,
        url=url,
        topic=old.topic,
        job_code=old.job_code,
        seq=old.seq,
        payload=old.payload,
        state=DeliveryState.PENDING,
        replay_of=old.code,
    )
    session.add(new)
    return new


def _urls(session: Session, rows: Sequence[WebhookDeliveryRow]) -> dict[str, str]:
    codes = {row.endpoint_code for row in rows if row.endpoint_code is not None}
    query = select(WebhookEndpointRow.code, WebhookEndpointRow.url).where(col(WebhookEndpointRow.code).in_(codes))
    return dict(session.exec(query).all())


def _endpoint(session: Session, code: str) -> WebhookEndpointRow:
    return session.exec(select(WebhookEndpointRow).where(col(WebhookEndpointRow.code) == code)).one()


def _told(criteria: ReplayFilter, count: int) -> dict[str, Any]:
    until = None if criteria.until is None else criteria.until.isoformat()
    return {"since": criteria.since.isoformat(), "until": until, "replayed": count}


def _record_replay(session: Session, target: str, user_id: str | None, after: dict[str, Any]) -> None:
    record(session, Act(kind=ActKind.DELIVERIES_REPLAYED, target=target, user_id=user_id, after=after))
