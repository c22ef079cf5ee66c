"""The outbox for the workflows that empty it: the port `Deliveries` over our tables."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select, update
from sqlmodel.sql.expression import SelectOfScalar

from aijobs.domain.errors import DatabaseUnavailable, NotFound
from aijobs.domain.jobs.events import rfc3339
from aijobs.domain.webhooks import (
    TEST,
    DeliveryState,
    DisabledReason,
    SecretRef,
    WebhookMessage,
    WebhookReply,
    endpoint_secret_ref,
    job_message,
    message,
    signing_refs,
    user_secret_ref,
)
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.event_log import events_after
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import JobRow, WebhookDeliveryRow, WebhookEndpointRow
from aijobs.persistence.webhooks.endpoints import close_endpoint, user_secret

POLL_INTERVAL: Final = timedelta(milliseconds=300)
RECLAIM_AFTER: Final = timedelta(minutes=1)
"""This long after its planned attempt, a delivery's workflow counts as lost."""

PAUSE_AFTER_ERROR: Final = timedelta(seconds=1)
AT_ONCE: Final = 50
MAX_ERROR_LENGTH: Final = 300

ERASED: Final = "What it tells of is erased."

log = structlog.get_logger()


class DatabaseDeliveries:
    """Implements Deliveries. An endpoint that has taken nothing for `disable_after` is disabled."""

    def __init__(self, database: Database, *, disable_after: timedelta) -> None:
        self._database = database
        self._disable_after = disable_after

    async def due(self) -> AsyncIterator[list[str]]:
        while True:
            try:
                codes = await self._claimed()
            except (DatabaseUnavailable, SQLAlchemyError) as error:
                log.error("outbox_interrupted", error=str(error))
                await asyncio.sleep(PAUSE_AFTER_ERROR.total_seconds())
                continue
            if codes:
                yield codes
            if len(codes) < AT_ONCE:
                await asyncio.sleep(POLL_INTERVAL.total_seconds())

    async def message_to_send(self, code: str) -> WebhookMessage | None:
        def work(session: Session) -> WebhookMessage | None:
            row = session.exec(_pending(code)).one_or_none()
            return _webhook_message(session, row) if row else None

        try:
            return await self._database.read(work)
        except NotFound:
            await self._database.write(_give_up, code)
            return None

    async def note_try(self, code: str, reply: WebhookReply, *, next_try_at: datetime | None) -> None:
        def work(session: Session) -> None:
            row = session.exec(_pending(code).with_for_update()).one_or_none()
            if row is None:
                return
            at = now()
            endpoint = _endpoint(session, row, locked=True)
            _note_attempt(row, reply, at, next_try_at)
            if endpoint is not None and endpoint.enabled and not endpoint.deleted:
                row.url = endpoint.url
                self._update_endpoint(session, endpoint, reply, at)

        await self._database.write(work)

    async def _claimed(self) -> list[str]:
        """Claims due deliveries, so that only one worker starts each. Most polls find nothing and take no lock."""
        return await self._database.write(claim) if await self._database.read(_is_due) else []

    def _update_endpoint(
        self, session: Session, endpoint: WebhookEndpointRow, reply: WebhookReply, at: datetime
    ) -> None:
        if reply.is_taken:
            endpoint.failing_since = None
            return
        endpoint.failing_since = endpoint.failing_since or at
        if reply.is_gone:
            close_endpoint(session, endpoint, DisabledReason.GONE)
        elif at - endpoint.failing_since >= self._disable_after:
            close_endpoint(session, endpoint, DisabledReason.FAILING)
        if not endpoint.enabled:
            log.warning("webhook_endpoint_disabled", endpoint=endpoint.code, reason=endpoint.disabled_reason)


def _due() -> SelectOfScalar[str]:
    return select(WebhookDeliveryRow.code).where(col(WebhookDeliveryRow.look_at) <= now())


def _is_due(session: Session) -> bool:
    return session.exec(_due().limit(1)).first() is not None


def claim(session: Session) -> list[str]:
    """The codes of due deliveries, each of which is the caller's for RECLAIM_AFTER."""
    codes = list(session.exec(_due().limit(AT_ONCE).with_for_update(skip_locked=True)))
    later = update(WebhookDeliveryRow).values(look_at=now() + RECLAIM_AFTER)
    session.exec(later.where(col(WebhookDeliveryRow.code).in_(codes)))
    return codes


def _pending(code: str) -> SelectOfScalar[WebhookDeliveryRow]:
    return select(WebhookDeliveryRow).where(
        col(WebhookDeliveryRow.code) == code, col(WebhookDeliveryRow.state) == DeliveryState.PENDING
    )


def _endpoint(session: Session, row: WebhookDeliveryRow, *, locked: bool = False) -> WebhookEndpointRow | None:
    if row.endpoint_code is None:
        return None
    query = select(WebhookEndpointRow).where(col(WebhookEndpointRow.code) == row.endpoint_code)
    return session.exec(query.with_for_update() if locked else query).one()


def _webhook_message(session: Session, row: WebhookDeliveryRow) -> WebhookMessage:
    endpoint = _endpoint(session, row)
    return WebhookMessage(
        code=row.code,
        message_id=row.message_id,
        url=endpoint.url if endpoint else row.url,
        body=body_of(session, row, job_may_be_deleted=True),
        secret_refs=_secret_refs(session, row, endpoint),
        attempts=len(row.tries),
        created_at=row.create_time,
        next_try_at=row.next_try_at or row.create_time,
        closed=_why_closed(endpoint) if endpoint else None,
    )


def body_of(session: Session, row: WebhookDeliveryRow, *, job_may_be_deleted: bool = False) -> str:
    """The message, as it is sent in every try: also when its owner deletes the job meanwhile.

    Raises NotFound when what it tells of is erased, and for a job that is deleted unless it may be.
    """
    if row.payload is not None:
        return message(row.topic, datetime.fromisoformat(row.payload["at"]), row.payload)
    if row.job_code is None or row.seq is None:
        return message(TEST, row.create_time, {"endpoint_id": row.endpoint_code})
    if not job_may_be_deleted:
        job_of(session, row.job_code)
    metadata = session.exec(select(JobRow.extra).where(col(JobRow.code) == row.job_code)).one()
    event = next(iter(events_after(session, row.job_code, row.seq - 1, at_most=1)), None)
    if event is None or event.seq != row.seq:
        raise NotFound(ERASED)
    return job_message(row.topic, event, metadata)


def _secret_refs(
    session: Session, row: WebhookDeliveryRow, endpoint: WebhookEndpointRow | None
) -> tuple[SecretRef, ...]:
    if endpoint is not None:
        return signing_refs(endpoint_secret_ref(endpoint.code, endpoint.secret_version), endpoint.rotated_at, now())
    assert row.user_id is not None, "what goes to a callback_url belongs to the job's user"
    secret = user_secret(session, row.user_id)
    return signing_refs(user_secret_ref(row.user_id, secret.version), secret.rotated_at, now())


def _why_closed(endpoint: WebhookEndpointRow) -> str | None:
    if endpoint.deleted:
        return "The endpoint was deleted."
    return None if endpoint.enabled else "The endpoint is disabled."


def _note_attempt(row: WebhookDeliveryRow, reply: WebhookReply, at: datetime, next_try_at: datetime | None) -> None:
    error = None if reply.is_taken else str(reply)[:MAX_ERROR_LENGTH]
    row.tries = [*row.tries, {"at": rfc3339(at), "status": reply.status, "error": error}]
    if not reply.is_taken and next_try_at is not None:
        row.next_try_at, row.look_at = next_try_at, next_try_at + RECLAIM_AFTER
        return
    row.state = DeliveryState.DELIVERED if reply.is_taken else DeliveryState.FAILED
    end_delivery(row, at)


def _give_up(session: Session, code: str) -> None:
    """There is nothing to send any more, which is not the receiver's fault."""
    row = session.exec(_pending(code).with_for_update()).one_or_none()
    if row is not None:
        _note_attempt(row, WebhookReply(error=ERASED), now(), None)


def end_delivery(row: WebhookDeliveryRow, at: datetime) -> None:
    """No attempt follows."""
    row.ended_at, row.next_try_at, row.look_at = at, None, None
