"""The notice before a shutdown: proxies see it in the health checks, and clients by their connections being closed.

Without it, a proxy sends requests to a process that has stopped listening, or over a connection that is being closed.
"""

import asyncio
from datetime import timedelta


class ShutdownNotice:
    """Whether this process is about to stop. It still answers every request."""

    def __init__(self) -> None:
        self.is_given = False

    async def give(self, period: timedelta) -> None:
        """Give the notice, and return when proxies have had `period` to see it."""
        self.is_given = True
        await asyncio.sleep(period.total_seconds())
