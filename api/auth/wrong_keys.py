"""A limit on wrong keys and failed sign-ins: above it the response is 429, for a pause that grows each time.

A valid key always works, also from an address over the limit: no client locks out others at its address.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from starlette.requests import HTTPConnection

from aijobs.domain.errors import CredentialExpired, NotAuthenticated, TooManyWrongKeys
from aijobs.persistence.access.keys import key_id_in
from api.connections.limits import network_of

WINDOW: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
"""Each pause is twice as long as the one before, which is forgotten after as long a time without a wrong key."""

MAX_COUNTED: Final = 10_000
"""Addresses and keys that are counted at a time; the oldest windows are dropped first."""

log = structlog.get_logger()


@dataclass
class _Window:
    """`ends_at` is of the window, or of the pause where there is one; `pauses` are those that followed each other."""

    ends_at: float
    count: int = 0
    pauses: int = 0
    is_paused: bool = False

    @property
    def pause(self) -> float:
        """How long the last pause was, in seconds."""
        longest = LONGEST_PAUSE.total_seconds()
        return min(WINDOW.total_seconds() * 2 ** min(self.pauses - 1, 10), longest) if self.pauses else 0.0

    @property
    def forgotten_at(self) -> float:
        return self.ends_at + self.pause


class _Counter:
    """Counts each name within its own window of time."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    def add(self, name: str, *, kind: str) -> float:
        """Count the name once. Returns the seconds of the pause that is left when it is over the limit, else 0."""
        now = self._clock()
        window = self._window(name, now)
        if window.is_paused:
            return window.ends_at - now
        window.count += 1
        if window.count <= self._limit:
            return 0
        window.pauses += 1
        window.is_paused, window.ends_at = True, now + window.pause
        log.warning("too_many_wrong_keys", **{kind: name}, limit=self._limit, seconds=int(window.pause))
        return window.pause

    def _window(self, name: str, now: float) -> _Window:
        """The window that this moment is in; a new one remembers the pauses before it, unless they are forgotten."""
        known = self._windows.get(name)
        if known is not None and now < known.ends_at:
            return known
        self._windows.pop(name, None)
        pauses = known.pauses if known is not None and now < known.forgotten_at else 0
        window = self._windows[name] = _Window(now + WINDOW.total_seconds(), pauses=pauses)
        while len(self._windows) > MAX_COUNTED:
            self._windows.popitem(last=False)
        return window


class WrongKeys:
    """Limits of one process per minute: `per_address` for a client's network, `per_key` for one key's id.

    `on_refused` hears of each wrong key that is over a limit.
    """

    def __init__(
        self,
        *,
        per_address: int,
        per_key: int,
        on_refused: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._by_address = _Counter(per_address, clock)
        self._by_key = _Counter(per_key, clock)
        self._on_refused = on_refused

    @property
    def counted(self) -> int:
        """How many addresses and keys are being counted."""
        return len(self._by_address) + len(self._by_key)

    def count(self, connection: HTTPConnection, text: str) -> None:
        """Count this wrong key. Raises TooManyWrongKeys when it is over a limit."""
        host = connection.client.host if connection.client else ""
        wait = self._by_address.add(network_of(host), kind="address")
        if key_id := key_id_in(text):
            wait = max(wait, self._by_key.add(key_id, kind="key_id"))
        if wait:
            self._on_refused()
            raise TooManyWrongKeys("Too many wrong keys came from there.", retry_after=timedelta(seconds=wait))


@contextmanager
def wrong_keys_counted(connection: HTTPConnection, text: str) -> Iterator[None]:
    """Counts a NotAuthenticated of the block. Raises TooManyWrongKeys in its place when it is over a limit."""
    try:
        yield
    except CredentialExpired:  # an honest client may still send an expired token
        raise
    except NotAuthenticated:
        wrong_keys: WrongKeys = connection.app.state.wrong_keys
        wrong_keys.count(connection, text)
        raise
