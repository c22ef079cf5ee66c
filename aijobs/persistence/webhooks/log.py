"""The log of webhook deliveries."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Table
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from aijobs.domain.webhooks import DeliveryState
from aijobs.persistence.owned import id_behind, owned
from aijobs.persistence.paging import newest_ids, page_of
from aijobs.persistence.tables import WebhookDeliveryRow

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
