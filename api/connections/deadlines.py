"""Limits on the time and size of what a client sends and reads on its connection, and the timers for them."""

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

NO_LINGER: Final = struct.pack("ii", 1, 0)  #: socket(7): on, for no time


@dataclass(frozen=True, kw_only=True)
class ClientLimits:
    """Limits of one connection. `header_bytes` and `headers` are per request; `overhead` is for chunked encoding.

    While a body is read, no pause may exceed `body_idle`, and all pauses together may not exceed `body` plus one
    second for each `body_rate` bytes received.
    """

    first_byte: timedelta = timedelta(seconds=10)
    header: timedelta = timedelta(seconds=10)
    keep_alive: timedelta = timedelta(seconds=15)
    body_idle: timedelta = timedelta(seconds=15)
    body: timedelta = timedelta(seconds=20)
    body_rate: int = 4 * 1024
    unread_body: timedelta = timedelta(seconds=5)
    write: timedelta = timedelta(seconds=20)  #: a client that reads next to nothing for so long is disconnected
    write_rate: int = 2 * 1024  #: bytes a second that a client reads at least while a response waits for it
    header_bytes: int = 32 * 1024
    headers: int = 100
    pipelined: int = 8
    overhead_bytes: int = 64 * 1024
    overhead_ratio: int = 16  #: a chunk of one byte is six on the wire


CLIENT_LIMITS: Final = ClientLimits()


def spread(seconds: float) -> float:
    """Up to a fifth more, at random: connections that were opened together do not expire together."""
    return seconds * random.uniform(1, 1.2)


class Deadline:
    """Calls `expire` once, unless it is set again or cancelled before. Setting it is cheap."""

    def __init__(self, expire: Callable[[], None]) -> None:
        self._expire = expire
        self._timer: asyncio.TimerHandle | None = None

    def set(self, timeout: timedelta) -> None:
        self.cancel()
        self._timer = asyncio.get_running_loop().call_later(spread(timeout.total_seconds()), self._expire)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """It is not set again. Lets go of its connection, which is then freed without a garbage collection."""
        self.cancel()
        self._expire = _nothing


def _nothing() -> None:
    """Of a closed connection."""


class WriteTimeout:
    """Aborts a connection whose client reads too little. Runs while the write buffer is full."""

    def __init__(self, transport: asyncio.Transport, limits: ClientLimits) -> None:
        self._transport = transport
        self._timeout = limits.write
        self._least_read = limits.write_rate * limits.write.total_seconds()
        self._deadline = Deadline(self._check_progress)
        self._buffered = 0

    def begin(self) -> None:
        self._buffered = self._transport.get_write_buffer_size()
        self._deadline.set(self._timeout)

    def end(self) -> None:
        self._deadline.cancel()

    def close(self) -> None:
        self._deadline.close()

    def _check_progress(self) -> None:
        """A client that reads at the least rate gets more time: a byte now and then would keep its place for hours."""
        read = self._buffered - self._transport.get_write_buffer_size()
        if read >= min(self._least_read, self._buffered / 2):
            self.begin()
        else:
            self._drop_unread()
            self._transport.abort()

    def _drop_unread(self) -> None:
        """Else the kernel keeps what it has taken, and goes on sending it, long after the connection is closed here."""
        connection = self._transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
