"""Heartbeats of every activity, so that the work of a killed worker is soon given to another.

Their details carry what the next attempt must know and the database may have lost.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Final

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

EVERY: Final = timedelta(seconds=2)
"""Also the time after which a cancel is noticed. Activities that take less time send no heartbeat."""


_REMEMBERED: ContextVar[list[Any] | None] = ContextVar("remembered", default=None)


def remember(detail: Any) -> None:
    """Send `detail` with this and every further heartbeat, for the next attempt to read."""
    details = _REMEMBERED.get()
    if details is not None:
        details[:] = [detail]
    activity.heartbeat(detail)


def remembered() -> Any:
    """The detail that an earlier attempt remembered; None when there is none."""
    details = activity.info().heartbeat_details
    return details[0] if details else None


class Heartbeats(Interceptor):
    """Sends heartbeats while any activity runs, so that a dead worker is noticed and a cancel arrives."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Beating(next)


class _Beating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        _REMEMBERED.set(details := list(activity.info().heartbeat_details))
        heart = asyncio.create_task(_beat(details))
        try:
            return await super().execute_activity(input)
        finally:
            heart.cancel()
            with suppress(asyncio.CancelledError):
                await heart


async def _beat(details: Sequence[Any]) -> None:
    while True:
        await asyncio.sleep(EVERY.total_seconds())
        activity.heartbeat(*details)
