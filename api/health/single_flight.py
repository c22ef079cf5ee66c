"""One computation for all concurrent callers, cached for a short time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """However many callers there are, `compute` runs once at a time, and not again within `kept_for`."""

    def __init__(self, compute: Callable[[], Awaitable[T]], *, kept_for: timedelta) -> None:
        self._compute = compute
        self._kept_for = kept_for.total_seconds()
        self._task: asyncio.Task[T] | None = None
        self._computed_at = 0.0

    async def __call__(self) -> T:
        """Raises what `compute` raises; an error is not cached."""
        if self._task is None or (self._task.done() and self._is_old):
            self._task = asyncio.create_task(self._run())
        return await asyncio.shield(self._task)

    async def _run(self) -> T:
        result = await self._compute()
        self._computed_at = asyncio.get_running_loop().time()
        return result

    @property
    def _is_old(self) -> bool:
        return asyncio.get_running_loop().time() - self._computed_at > self._kept_for
