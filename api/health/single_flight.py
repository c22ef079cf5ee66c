"""One computation for all concurrent callers, cached for a short time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """However often it is asked, `find` runs once at a time, and not again before `kept_for` is over."""

    def __init__(self, find: Callable[[], Awaitable[T]], *, kept_for: timedelta) -> None:
        self._find = find
        self._kept_for = kept_for.total_seconds()
        self._finding: asyncio.Task[T] | None = None
        self._found_at = 0.0

    async def __call__(self) -> T:
        """Raises what `find` raises; that is not remembered."""
        if self._finding is None or (self._finding.done() and self._is_old):
            self._finding = asyncio.create_task(self._found())
        return await asyncio.shield(self._finding)

    async def _found(self) -> T:
        found = await self._find()
        self._found_at = asyncio.get_running_loop().time()
        return found

    @property
    def _is_old(self) -> bool:
        return asyncio.get_running_loop().time() - self._found_at > self._kept_for
