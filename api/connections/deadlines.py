"""How long and how large everything may be that a client does to its connection, and the clocks for that."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final


@dataclass(frozen=True, kw_only=True)
class ClientLimits:
    """What one connection may take. `header_bytes` and `headers` are a request's; `overhead` is what chunks may add.

    A body that is read may pause for `body_idle`, and may keep its reader waiting for `body` in all, and a second more
    for each `body_rate` bytes of it.
    """

    first_byte: timedelta = timedelta(seconds=10)
    header: timedelta = timedelta(seconds=10)
    keep_alive: timedelta = timedelta(seconds=15)
    body_idle: timedelta = timedelta(seconds=15)
    body: timedelta = timedelta(seconds=20)
    body_rate: int = 4 * 1024
    unread_body: timedelta = timedelta(seconds=5)
    write: timedelta = timedelta(seconds=20)  #: a reader that takes nothing for so long is given up
    header_bytes: int = 32 * 1024
    headers: int = 100
    pipelined: int = 8
    overhead_bytes: int = 64 * 1024
    overhead_ratio: int = 16  #: a chunk of one byte is six on the wire


CLIENT_LIMITS: Final = ClientLimits()


class Deadline:
    """Runs out once, unless it is set anew or lifted before. Setting it is cheap."""

    def __init__(self, expire: Callable[[], None]) -> None:
        self._expire = expire
        self._timer: asyncio.TimerHandle | None = None

    def set(self, lasting: timedelta) -> None:
        self.lift()
        self._timer = asyncio.get_running_loop().call_later(lasting.total_seconds(), self._expire)

    def lift(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class WriteTimeout:
    """Runs while a connection cannot be written to."""

    def __init__(self, transport: asyncio.Transport, lasting: timedelta) -> None:
        self._transport = transport
        self._lasting = lasting
        self._deadline = Deadline(self._look)
        self._left = 0

    def begin(self) -> None:
        self._left = self._transport.get_write_buffer_size()
        self._deadline.set(self._lasting)

    def end(self) -> None:
        self._deadline.lift()

    def _look(self) -> None:
        """Slow is not stuck."""
        if self._transport.get_write_buffer_size() < self._left:
            self.begin()
        else:
            self._transport.abort()
