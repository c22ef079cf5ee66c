"""The log of webhook deliveries, and replaying them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Table
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from aijobs.domain.errors import EndpointDisabled
from aijobs.domain.values.ids import new_id
from aijobs.domain.webhooks import TEST, DeliveryState
from aijobs.persistence.column_types import now
from aijobs.persistence.owned import id_behind, owned
from aijobs.persistence.paging import newest_ids, page_of
from aijobs.persistence.tables import WebhookDeliveryRow, WebhookEndpointRow
from aijobs.persistence.webhooks.deliveries import end_delivery

DELIVERIES: Final[Table] = WebhookDeliveryRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries to list; a field without a value filters nothing. The page begins after `before`."""

    user_id: str | None = None
    endpoint_code: str | None = None
    job_code: str | None = None
    state: DeliveryState | None = None
    before: str | None = None

    @property
    def is_indexed(self) -> bool:
        """Whether an index has the deliveries in order whatever their states are: of a job, and all of them."""
        return self.job_code is not None or (self.user_id, self.endpoint_code, self.state) == (None, None, None)

    def clauses(self) -> Iterator[ColumnElement[bool]]:
        """The conditions of all fields but `state` and `before`, and that too for the deliveries of a job."""
        if self.user_id is not None:
            yield col(WebhookDeliveryRow.user_id) == self.user_id
        if self.endpoint_code is not None:
            yield col(WebhookDeliveryRow.endpoint_code) == self.endpoint_code
        if self.job_code is not None:
            yield col(WebhookDeliveryRow.job_code) == self.job_code
        if self.job_code is not None and self.state is not None:
            yield col(WebhookDeliveryRow.state) == self.state


def deliveries_page(session: Session, criteria: DeliveryFilter, *, limit: int) -> tuple[list[WebhookDeliveryRow], bool]:
    """Up to `limit` deliveries, newest first, and whether there are more. Raises BadInput for an unknown `before`."""
    clauses = list(criteria.clauses())
    if criteria.before is not None:
        last = id_behind(session, WebhookDeliveryRow, criteria.before, user_id=criteria.user_id)
        clauses.append(col(WebhookDeliveryRow.id) < last)
    if not criteria.is_indexed:
        states = DeliveryState if criteria.state is None else (criteria.state,)
        of_filter = select_columns(DELIVERIES.c.id).where(*clauses)
        ids = newest_ids((of_filter.where(DELIVERIES.c.state == one) for one in states), at_most=limit + 1)
        clauses = [col(WebhookDeliveryRow.id).in_(session.connection().execute(ids).scalars().all())]
    query = select(WebhookDeliveryRow).where(*clauses).order_by(col(WebhookDeliveryRow.id).desc())
    return page_of(session, query, limit=limit)


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
        payload=old.payload,
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
