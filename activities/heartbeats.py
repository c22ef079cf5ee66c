"""Signs of life of every activity, so that the work of a killed worker is soon given to another.

They carry what the next try has to know and the database may have lost.
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
"""Also the time after which a cancel is noticed. Work that takes less never beats, and costs nothing."""


_REMEMBERED: ContextVar[list[Any] | None] = ContextVar("remembered", default=None)


def remember(detail: Any) -> None:
    """Tell Temporal now, and with every further sign of life, what the next try shall know."""
    details = _REMEMBERED.get()
    if details is not None:
        details[:] = [detail]
    activity.heartbeat(detail)


def remembered() -> Any:
    """What an earlier try told, if it told anything."""
    details = activity.info().heartbeat_details
    return details[0] if details else None


class Heartbeats(Interceptor):
    """Every activity beats while it runs, so that a dead worker is noticed and a cancel arrives."""

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
