"""Many readers of one event stream in this process, which only count events and measure delays."""

import asyncio
import re
import resource
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from cli.embedded.ports import HOST

OPEN_AT_ONCE: Final = 50

_SENT: Final = re.compile(rb'"sent":([0-9.]+)')


class CountingReader(asyncio.Protocol):
    """One connection that counts events."""

    def __init__(self, group: "ReaderGroup", request: bytes) -> None:
        self._group = group
        self._request = request
        self._buffer = b""
        self.has_started = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.has_started.set()
        whole, _, self._buffer = (self._buffer + data).rpartition(b"\n\n")
        self._group.add_frames(whole)

    def connection_lost(self, _lost: Exception | None) -> None:
        self._group.reader_closed()


class ReaderGroup:
    """What the readers have received since `reset`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.received = 0
        self.delays: list[float] = []
        self.all_closed = asyncio.Event()
        self._left = 0

    def add_frames(self, frames: bytes) -> None:
        sent_times = _SENT.findall(frames)
        if sent_times:
            now = time.time()
            self.received += len(sent_times)
            self.delays += [now - float(sent) for sent in sent_times]

    def reader_closed(self) -> None:
        self._left += 1
        if self._left == self.size:
            self.all_closed.set()

    def reset(self) -> None:
        self.received, self.delays = 0, []

    async def wait_until_received(self, events: int) -> None:
        while self.received < events * self.size:  # noqa: ASYNC110 - a flag for each of a million events costs more
            await asyncio.sleep(0.005)


@asynccontextmanager
async def connected_readers(port: int, path: str, size: int, headers: Mapping[str, str]) -> AsyncIterator[ReaderGroup]:
    """`size` readers, all of which have received a response."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n".encode()
    readers, gate, loop = ReaderGroup(size), asyncio.Semaphore(OPEN_AT_ONCE), asyncio.get_running_loop()

    async def join() -> CountingReader:
        async with gate:
            _, reader = await loop.create_connection(lambda: CountingReader(readers, request), HOST, port)
            await reader.has_started.wait()
            return reader

    connected = await asyncio.gather(*(join() for _ in range(size)))
    try:
        yield readers
    finally:
        for reader in connected:
            reader.transport.abort()
