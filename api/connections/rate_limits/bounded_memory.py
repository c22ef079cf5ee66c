"""Counters of one process, as a store of the library `limits`: of bounded size, and with the same cost for each hit.

The library's own store for asyncio looks at everything that it has counted at each hit, so that somebody with many
addresses would make it slow for all.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from limits.aio.storage import Storage

MAX_COUNTED: Final = 50_000
"""Names that are counted at a time; the oldest windows are dropped first."""


@dataclass
class _CountedWindow:
    ends_at: float
    count: int = 0


class BoundedMemory(Storage):
    """Implements what fixed windows need. Times are seconds of Unix, as the library has them."""

    STORAGE_SCHEME = ["bounded-memory"]  # noqa: RUF012  # as the library declares it

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        self._windows: OrderedDict[str, _CountedWindow] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    @property
    def base_exceptions(self) -> type[Exception]:
        """See Storage."""
        return ValueError

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """See Storage."""
        window = self._windows.get(key)
        if window is None or window.ends_at <= self._clock():
            self._windows.pop(key, None)
            window = self._windows[key] = _CountedWindow(self._clock() + expiry)
            while len(self._windows) > MAX_COUNTED:
                self._windows.popitem(last=False)
        window.count += amount
        return window.count

    async def get(self, key: str) -> int:
        """See Storage."""
        window = self._windows.get(key)
        return 0 if window is None or window.ends_at <= self._clock() else window.count

    async def get_expiry(self, key: str) -> float:
        """See Storage."""
        window = self._windows.get(key)
        return self._clock() if window is None else window.ends_at

    async def check(self) -> bool:
        """See Storage."""
        return True

    async def reset(self) -> int | None:
        """See Storage."""
        count = len(self._windows)
        self._windows.clear()
        return count

    async def clear(self, key: str) -> None:
        """See Storage."""
        self._windows.pop(key, None)
