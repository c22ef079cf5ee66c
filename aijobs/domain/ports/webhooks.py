"""Webhooks to our callers: who sends them, and the outbox that they wait in."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from aijobs.domain.webhooks import WebhookMessage, WebhookReply


class WebhookSender(Protocol):
    """Brings webhooks to our callers."""

    async def send(self, notice: WebhookMessage) -> WebhookReply:
        """One signed POST, without any retry. Never raises for what the network or the receiver does: that is a
        reply."""
        ...


class Deliveries(Protocol):
    """The outbox, as a delivery's workflow needs it. Every method is one transaction."""

    def due(self) -> AsyncIterator[list[str]]:
        """For ever: the codes of deliveries whose workflow must be started, a moment after they were written.

        What is told once is told again after a while, unless a try was noted or an end: starting it is idempotent.
        """
        ...

    async def notice(self, code: str) -> WebhookMessage | None:
        """What is to be sent; nothing when the delivery has ended."""
        ...

    async def note_try(self, code: str, reply: WebhookReply, *, next_try_at: datetime | None) -> None:
        """Note how a try went. It was the last one where no other follows. Changes nothing when the delivery has ended.

        Also notes what it means for the endpoint, which is disabled when it is gone or has failed for too long.
        """
        ...
