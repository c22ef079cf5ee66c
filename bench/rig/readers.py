"""Many readers of one event stream, in this process: they count, and look at the clock, and do nothing else."""

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
    """One connection that counts events and keeps none."""

    def __init__(self, crowd: "ReaderCrowd", request: bytes) -> None:
        self._crowd = crowd
        self._request = request
        self._rest = b""
        self.begun = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.begun.set()
        whole, _, self._rest = (self._rest + data).rpartition(b"\n\n")
        self._crowd.hear(whole)

    def connection_lost(self, _lost: Exception | None) -> None:
        self._crowd.leave()


class ReaderCrowd:
    """What all of them have heard since `forget`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.heard = 0
        self.delays: list[float] = []
        self.gone = asyncio.Event()
        self._left = 0

    def hear(self, frames: bytes) -> None:
        moments = _SENT.findall(frames)
        if moments:
            now = time.time()
            self.heard += len(moments)
            self.delays += [now - float(sent) for sent in moments]

    def leave(self) -> None:
        self._left += 1
        if self._left == self.size:
            self.gone.set()

    def forget(self) -> None:
        self.heard, self.delays = 0, []

    async def until_heard(self, events: int) -> None:
        while self.heard < events * self.size:  # noqa: ASYNC110 - a flag for each of a million events costs more
            await asyncio.sleep(0.005)


@asynccontextmanager
async def gathered(port: int, path: str, size: int, headers: Mapping[str, str]) -> AsyncIterator[ReaderCrowd]:
    """So many readers, all of whom have been answered."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n".encode()
    crowd, gate, loop = ReaderCrowd(size), asyncio.Semaphore(OPEN_AT_ONCE), asyncio.get_running_loop()

    async def join() -> CountingReader:
        async with gate:
            _, listener = await loop.create_connection(lambda: CountingReader(crowd, request), HOST, port)
            await listener.begun.wait()
            return listener

    listeners = await asyncio.gather(*(join() for _ in range(size)))
    try:
        yield crowd
    finally:
        for listener in listeners:
            listener.transport.abort()
