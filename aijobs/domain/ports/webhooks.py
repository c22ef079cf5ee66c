"""Webhooks to our callers: who sends them, and the outbox that they wait in."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from aijobs.domain.webhooks import WebhookMessage, WebhookReply


class WebhookSender(Protocol):
    """Sends webhooks to our callers."""

    async def send(self, message: WebhookMessage) -> WebhookReply:
        """One signed POST, without any retry. Never raises for what the network or the receiver does: that is a
        reply."""
        ...


class Deliveries(Protocol):
    """The outbox, as a delivery's workflow needs it. Every method is one transaction."""

    def due(self) -> AsyncIterator[list[str]]:
        """Endless: yields the codes of deliveries whose workflow must be started, shortly after they were written.

        A code is yielded again after a while, unless an attempt or an end was noted: starting it is idempotent.
        """
        ...

    async def message_to_send(self, code: str) -> WebhookMessage | None:
        """The message to send; None when the delivery has ended."""
        ...

    async def note_try(self, code: str, reply: WebhookReply, *, next_try_at: datetime | None) -> None:
        """Record an attempt; the last one when `next_try_at` is None. Changes nothing when the delivery has ended.

        Also notes what it means for the endpoint, which is disabled when it is gone or has failed for too long.
        """
        ...
