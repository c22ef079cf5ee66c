"""Signs of life of every activity, so that the work of a killed worker is soon given to another."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

EVERY: Final = timedelta(seconds=2)
"""Also the time after which a cancel is noticed. Work that takes less never beats, and costs nothing."""


class Heartbeats(Interceptor):
    """Every activity beats while it runs, so that a dead worker is noticed and a cancel arrives."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Beating(next)


class _Beating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        heart = asyncio.create_task(_beat())
        try:
            return await super().execute_activity(input)
        finally:
            heart.cancel()
            with suppress(asyncio.CancelledError):
                await heart


async def _beat() -> None:
    while True:
        await asyncio.sleep(EVERY.total_seconds())
        activity.heartbeat()
