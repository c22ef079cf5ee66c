"""A limit on wrong keys and failed sign-ins: above it the response is 429, with one log entry a minute.

A valid key always works, also from an address over the limit: no client locks out others at its address.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator
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
MAX_COUNTED: Final = 10_000
"""Addresses and keys that are counted at a time; the oldest windows are dropped first."""

log = structlog.get_logger()


@dataclass
class _Window:
    ends_at: float
    count: int = 0


class _Counter:
    """Counts each name within its own window of time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    def add(self, name: str, *, kind: str) -> float:
        """Count the name once. Returns the seconds until its window ends when it is over the limit, else 0."""
        now = time.monotonic()
        window = self._windows.get(name)
        if window is None or window.ends_at <= now:
            self._windows.pop(name, None)
            window = self._windows[name] = _Window(now + WINDOW.total_seconds())
            while len(self._windows) > MAX_COUNTED:
                self._windows.popitem(last=False)
        window.count += 1
        if window.count <= self._limit:
            return 0
        if window.count == self._limit + 1:
            log.warning("too_many_wrong_keys", **{kind: name}, limit=self._limit, seconds=int(WINDOW.total_seconds()))
        return window.ends_at - now


class WrongKeys:
    """Limits of one process per minute: `per_address` for a client's network, `per_key` for one key's id."""

    def __init__(self, *, per_address: int, per_key: int) -> None:
        self._by_address = _Counter(per_address)
        self._by_key = _Counter(per_key)

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
