"""Wrong keys and wrong sign-ins are counted: who brings too many is told to wait, and the log says so once a minute.

A right key is always let in, also from an address that brought wrong ones: nobody locks others out who share it.
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
"""Addresses and keys that are counted at a time; the ones that began first are forgotten first."""

log = structlog.get_logger()


@dataclass
class _Window:
    ends_at: float
    count: int = 0


class _Counter:
    """How often each name came up within its window."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    def add(self, name: str, *, kind: str) -> float:
        """Once more. The seconds until its window ends, when it was too often; else 0."""
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
    """Of one process, within a minute: `per_address` of a client's network, `per_key` with the same key's id."""

    def __init__(self, *, per_address: int, per_key: int) -> None:
        self._by_address = _Counter(per_address)
        self._by_key = _Counter(per_key)

    @property
    def counted(self) -> int:
        """How many names are remembered."""
        return len(self._by_address) + len(self._by_key)

    def count(self, connection: HTTPConnection, text: str) -> None:
        """This one was wrong. Raises TooManyWrongKeys when there were too many before it."""
        host = connection.client.host if connection.client else ""
        wait = self._by_address.add(network_of(host), kind="address")
        if key_id := key_id_in(text):
            wait = max(wait, self._by_key.add(key_id, kind="key_id"))
        if wait:
            raise TooManyWrongKeys("Too many wrong keys came from there.", retry_after=timedelta(seconds=wait))


@contextmanager
def wrong_keys_counted(connection: HTTPConnection, text: str) -> Iterator[None]:
    """The block finds out whether this text is good. Raises TooManyWrongKeys in place of NotAuthenticated."""
    try:
        yield
    except CredentialExpired:  # which somebody honest may have left running
        raise
    except NotAuthenticated:
        wrong_keys: WrongKeys = connection.app.state.wrong_keys
        wrong_keys.count(connection, text)
        raise
