"""Signs of life of long activities."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final

from temporalio import activity

EVERY: Final = timedelta(seconds=2)
"""Also the time after which a cancel is noticed. Work that takes less never beats, and costs nothing."""


@asynccontextmanager
async def beating() -> AsyncIterator[None]:
    heart = asyncio.create_task(_beat())
    try:
        yield
    finally:
        heart.cancel()
        with suppress(asyncio.CancelledError):
            await heart


async def _beat() -> None:
    while True:
        await asyncio.sleep(EVERY.total_seconds())
        activity.heartbeat()
