"""Timestamps in the vendors' formats, and sleeping that ends early when the sandbox stops."""

import asyncio
import re
import time
from datetime import UTC, datetime
from typing import Final

NANOSECONDS: Final = 1_000_000_000
STAMP: Final = re.compile(r"(?P<second>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9})\d*)?(?P<zone>.*)")


class Clock:
    """The time of this process's sandboxes, which can be put forward; it never goes back but by a reset."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def now_ns(self) -> int:
        return time.time_ns() + self.ahead_ns

    def advance(self, seconds: float) -> None:
        self.ahead_ns += round(seconds * NANOSECONDS)


CLOCK: Final = Clock()


def now_ns() -> int:
    """Nanoseconds since 1970, by the sandbox's clock."""
    return CLOCK.now_ns()


def stamp(time_ns: int) -> str:
    """RFC 3339 in UTC with nine fractional digits, as servers written in Go do."""
    seconds, fraction = divmod(time_ns, NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def parse_stamp(text: str) -> int:
    """Nanoseconds since 1970 of an ISO 8601 time with any number of fractional digits; raises ValueError."""
    parts = STAMP.fullmatch(text.strip())
    if parts is None:
        raise ValueError(f"{text!r} is not an ISO 8601 time")
    second = datetime.fromisoformat(parts["second"] + (parts["zone"] or "Z"))
    return int(second.timestamp()) * NANOSECONDS + int((parts["fraction"] or "0").ljust(9, "0"))


class ClosingEvent:
    """Set once, when the sandbox stops; long waits end when it is set."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def begin(self) -> None:
        self._event.set()

    @property
    def begun(self) -> bool:
        return self._event.is_set()

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until the sandbox stops."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return
