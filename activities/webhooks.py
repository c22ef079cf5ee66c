"""Sends one attempt of one webhook. Between two attempts Temporal keeps the durable timer."""

import random
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio import activity

from activities.metrics import count_webhook
from aijobs.domain.errors import WebhookGivenUp, WebhookNotTaken
from aijobs.domain.ports.webhooks import Deliveries, WebhookSender
from aijobs.domain.webhooks import RetrySchedule, WebhookMessage, WebhookReply

EARLY: Final = timedelta(seconds=1)
"""An attempt that is earlier than this is skipped: the worker of the attempt before it died after sending."""


class WebhookActivities:
    """Sends our webhooks, one attempt at a time."""

    def __init__(self, deliveries: Deliveries, sender: WebhookSender, schedule: RetrySchedule) -> None:
        self._deliveries = deliveries
        self._sender = sender
        self._schedule = schedule

    @activity.defn
    async def deliver(self, code: str) -> str:
        """Return when the receiver took the message, or when it need not be sent any more.

        Raises WebhookNotTaken with the delay until the next attempt, or WebhookGivenUp after the last one.
        """
        message = await self._deliveries.message_to_send(code)
        if message is None:
            return "ended before"
        if (wait := message.next_try_at - datetime.now(UTC)) > EARLY:
            raise WebhookNotTaken("It is not time for the next try yet.", retry_after=wait)
        reply = WebhookReply(error=message.closed) if message.closed else await self._sender.send(message)
        count_webhook(message, reply)
        pause = self._pause(message, reply)
        next_try_at = None if pause is None else datetime.now(UTC) + pause
        await self._deliveries.note_try(code, reply, next_try_at=next_try_at)
        if reply.is_taken:
            return reply.outcome
        if pause is None:
            raise WebhookGivenUp(reply.outcome)
        raise WebhookNotTaken(reply.outcome, retry_after=pause)

    def _pause(self, message: WebhookMessage, reply: WebhookReply) -> timedelta | None:
        if reply.is_taken or reply.is_gone or message.closed:
            return None
        return self._schedule.pause(message.attempts + 1, dice=random.random(), at_least=reply.retry_after)
