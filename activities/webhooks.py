"""Telling our callers: one try of one webhook. Between two tries Temporal keeps the durable timer."""

import random
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio import activity

from aijobs.domain.errors import WebhookGivenUp, WebhookNotTaken
from aijobs.domain.ports.webhooks import Deliveries, WebhookSender
from aijobs.domain.webhooks import RetrySchedule, WebhookMessage, WebhookReply

EARLY: Final = timedelta(seconds=1)
"""A try that comes sooner than this before its time is one too many: the worker of the last one died just behind it."""


class WebhookActivities:
    """Sends our webhooks, one try at a time."""

    def __init__(self, deliveries: Deliveries, messenger: WebhookSender, patience: RetrySchedule) -> None:
        self._deliveries = deliveries
        self._messenger = messenger
        self._patience = patience

    @activity.defn
    async def deliver(self, code: str) -> str:
        """Ends when the message was taken, or need not be sent any more.

        Raises WebhookNotTaken, with the wait until the next try, or WebhookGivenUp.
        """
        notice = await self._deliveries.notice(code)
        if notice is None:
            return "ended before"
        if (wait := notice.next_try_at - datetime.now(UTC)) > EARLY:
            raise WebhookNotTaken("It is not time for the next try yet.", retry_after=wait)
        reply = WebhookReply(error=notice.closed) if notice.closed else await self._messenger.send(notice)
        pause = self._pause(notice, reply)
        next_try_at = None if pause is None else datetime.now(UTC) + pause
        await self._deliveries.note_try(code, reply, next_try_at=next_try_at)
        if reply.is_taken:
            return str(reply)
        if pause is None:
            raise WebhookGivenUp(str(reply))
        raise WebhookNotTaken(str(reply), retry_after=pause)

    def _pause(self, notice: WebhookMessage, reply: WebhookReply) -> timedelta | None:
        if reply.is_taken or reply.is_gone or notice.closed:
            return None
        return self._patience.pause(notice.attempts + 1, dice=random.random(), at_least=reply.retry_after)
