"""The outbox: a delivery for each receiver of an event is written in the transaction of the event."""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Table, bindparam, exists, insert, or_
from sqlmodel import Session, col, select

from aijobs.domain.jobs.events import EventKind
from aijobs.domain.values.ids import new_id
from aijobs.domain.webhooks import FINAL_TYPES, DeliveryState, EventType, event_type_of
from aijobs.persistence.database import connection_of
from aijobs.persistence.tables import WebhookDeliveryRow, WebhookEndpointRow
from aijobs.persistence.tables.locked_jobs import AnyJob

_LISTENS: Final = (
    or_(col(WebhookEndpointRow.user_id) == bindparam("listener"), col(WebhookEndpointRow.user_id).is_(None)),
    col(WebhookEndpointRow.enabled).is_(True),
    col(WebhookEndpointRow.deleted).is_(False),
)
_LISTENING: Final = select(
    WebhookEndpointRow.code, WebhookEndpointRow.user_id, WebhookEndpointRow.url, WebhookEndpointRow.events
).where(*_LISTENS)

IS_LISTENED_TO: Final = exists().where(*_LISTENS)
"""Whether a user's jobs have an endpoint. The parameter `listener` is the user."""

_DELIVERIES: Final[Table] = WebhookDeliveryRow.__table__  # type: ignore[attr-defined]
_INSERT: Final = insert(_DELIVERIES)


def enqueue_deliveries(session: Session, job: AnyJob, kind: EventKind, *, is_listened_to: bool) -> None:
    """Write a delivery of a locked job's newest event for each receiver.

    Endpoints are only looked for when `IS_LISTENED_TO` was true as the event was written.
    """
    connection = connection_of(session)
    listening = connection.execute(_LISTENING, {"listener": job.user_id}).all() if is_listened_to else ()
    deliveries = [
        _delivery(job, topic, url=url, user_id=user_id, endpoint_code=code)
        for code, user_id, url, events in listening
        if (topic := event_type_of(kind, job.job_status, events))
    ]
    deliveries.extend(_callback(job, kind))
    if deliveries:
        connection.execute(_INSERT, [row.model_dump(exclude={"id"}) for row in deliveries])


def enqueue_payload(
    session: Session, topic: EventType, user_id: str | None, payload: dict[str, Any], *, callback_url: str | None = None
) -> None:
    """Write a delivery of what is no job's event for each endpoint that asks for its type, and for `callback_url`.

    `payload` has the time in `at`. Without a user, endpoints for all users hear of it.
    """
    connection = connection_of(session)
    deliveries = [
        _row(topic, url=url, user_id=owner, endpoint_code=code, payload=payload)
        for code, owner, url, events in connection.execute(_LISTENING, {"listener": user_id})
        if topic in events
    ]
    if callback_url is not None:
        deliveries.append(_row(topic, url=callback_url, user_id=user_id, payload=payload))
    if deliveries:
        connection.execute(_INSERT, [row.model_dump(exclude={"id"}) for row in deliveries])


def _callback(job: AnyJob, kind: EventKind) -> Iterator[WebhookDeliveryRow]:
    if job.callback_url and (topic := event_type_of(kind, job.job_status, FINAL_TYPES)):
        yield _delivery(job, topic, url=job.callback_url, user_id=job.user_id, endpoint_code=None)


def _delivery(
    job: AnyJob, topic: EventType, *, url: str, user_id: str | None, endpoint_code: str | None
) -> WebhookDeliveryRow:
    return _row(topic, url=url, user_id=user_id, endpoint_code=endpoint_code, job_code=job.code, seq=job.event_seq)


def _row(topic: EventType, **columns: Any) -> WebhookDeliveryRow:
    code = new_id("hook")
    return WebhookDeliveryRow(
        code=code,
        message_id=code,
        topic=topic,
        state=DeliveryState.PENDING,
        **columns,
    )
