"""The log of webhook deliveries, and replaying them."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from aijobs.domain.errors import EndpointDisabled
from aijobs.domain.values.ids import new_id
from aijobs.domain.webhooks import TEST, DeliveryState
from aijobs.persistence.column_types import now
from aijobs.persistence.owned import id_behind, owned
from aijobs.persistence.paging import page_of
from aijobs.persistence.tables import WebhookDeliveryRow, WebhookEndpointRow
from aijobs.persistence.webhooks.deliveries import end_delivery


@dataclass(frozen=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries to list; a field without a value filters nothing. The page begins after `before`."""

    user_id: str | None = None
    endpoint_code: str | None = None
    job_code: str | None = None
    state: DeliveryState | None = None
    before: str | None = None


def deliveries_page(session: Session, criteria: DeliveryFilter, *, limit: int) -> tuple[list[WebhookDeliveryRow], bool]:
    """Up to `limit` deliveries, newest first, and whether there are more. Raises BadInput for an unknown `before`."""
    query = select(WebhookDeliveryRow)
    if criteria.user_id is not None:
        query = query.where(col(WebhookDeliveryRow.user_id) == criteria.user_id)
    if criteria.endpoint_code is not None:
        query = query.where(col(WebhookDeliveryRow.endpoint_code) == criteria.endpoint_code)
    if criteria.job_code is not None:
        query = query.where(col(WebhookDeliveryRow.job_code) == criteria.job_code)
    if criteria.state is not None:
        query = query.where(col(WebhookDeliveryRow.state) == criteria.state)
    if criteria.before is not None:
        last = id_behind(session, WebhookDeliveryRow, criteria.before, user_id=criteria.user_id)
        query = query.where(col(WebhookDeliveryRow.id) < last)
    return page_of(session, query.order_by(col(WebhookDeliveryRow.id).desc()), limit=limit)


def delivery_of(session: Session, code: str, *, user_id: str | None) -> WebhookDeliveryRow:
    """A delivery. Raises NotFound when it does not exist or is another user's."""
    return owned(session, WebhookDeliveryRow, code, user_id=user_id)


def locked_delivery(session: Session, code: str, *, user_id: str | None) -> WebhookDeliveryRow:
    """As `delivery_of`, locked until the transaction ends."""
    return owned(session, WebhookDeliveryRow, code, user_id=user_id, locked=True)


def replay(session: Session, old: WebhookDeliveryRow) -> WebhookDeliveryRow:
    """A new delivery of the same message, with the same message id, sent at once. Replaces a pending one.

    Raises EndpointDisabled.
    """
    endpoint = _endpoint(session, old.endpoint_code) if old.endpoint_code else None
    if endpoint is not None:
        _check_open(endpoint)
    if old.state == DeliveryState.PENDING:
        old.state = DeliveryState.REPLACED
        end_delivery(old, now())
    new = WebhookDeliveryRow(
        code=new_id("hook"),
        message_id=old.message_id,
        endpoint_code=old.endpoint_code,
        user_id=old.user_id,
        url=endpoint.url if endpoint else old.url,
        topic=old.topic,
        job_code=old.job_code,
        seq=old.seq,
        state=DeliveryState.PENDING,
        replay_of=old.code,
    )
    session.add(new)
    return new


def test_delivery(session: Session, endpoint: WebhookEndpointRow) -> WebhookDeliveryRow:
    """A delivery of the test event. Raises EndpointDisabled."""
    _check_open(endpoint)
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
    return row


def _check_open(endpoint: WebhookEndpointRow) -> None:
    if endpoint.deleted:
        raise EndpointDisabled("The endpoint was deleted.")
    if not endpoint.enabled:
        raise EndpointDisabled("The endpoint is disabled; enable it first.")


def _endpoint(session: Session, code: str) -> WebhookEndpointRow:
    return session.exec(select(WebhookEndpointRow).where(col(WebhookEndpointRow.code) == code)).one()
