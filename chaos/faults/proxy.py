"""A proxy that cuts TCP connections: after so many bytes, in one direction or the other, by a reset."""

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cli.embedded.ports import HOST

CHUNK: Final = 64 * 1024
CONNECT_TIMEOUT: Final = 3.0
RESET_DELAY: Final = 0.005
"""Seconds for what was passed on to arrive before the reset, which would overtake it."""

AT_ONCE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing resets."""


Target = tuple[str, int]
"""Host and port."""


class Way(StrEnum):
    """The direction in which the bytes are counted."""

    THERE = "there"
    BACK = "back"


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """How often, and how late. Few bytes are as likely as many: the number's logarithm is drawn."""

    share: float  #: of the connections
    least: int = 1
    most: int = 4000
    ways: Sequence[Way] = tuple(Way)


@dataclass(frozen=True)
class Cut:
    """Where one connection is cut: after so many bytes in one direction."""

    way: Way
    after: int


class CutOff(Exception):
    """The connection's bytes are used up."""


class CuttingProxy:
    """Connects to the first of its targets, in random order, that accepts."""

    def __init__(self, targets: Sequence[Target], cuts: Cuts, dice: random.Random) -> None:
        self.connections = 0
        self.cut = 0
        self._targets = targets
        self._cuts = cuts
        self._dice = dice
        self._is_calm = False
        self._open: set[asyncio.Task[None]] = set()

    def calm(self) -> None:
        """From now on nothing is cut, old connections included."""
        self._is_calm = True

    @asynccontextmanager
    async def serving(self, port: int, *, host: str = HOST) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._accept, host, port)
        try:
            async with server:
                yield
        finally:
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._carry(reader, writer)
        except (CutOff, OSError, TimeoutError):
            reset(writer)
        finally:
            self._open.discard(task)
            await closed(writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        cut = self._drawn()
        target, (there_reader, there_writer) = await self._connected()
        async with self.carrying(target):
            await self._pass_on(reader, writer, there_reader, there_writer, cut)

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there_reader: asyncio.StreamReader,
        there_writer: asyncio.StreamWriter,
        cut: Cut | None,
    ) -> None:
        pumps = [
            asyncio.create_task(self._pump(reader, there_writer, Way.THERE, cut)),
            asyncio.create_task(self._pump(there_reader, writer, Way.BACK, cut)),
        ]
        try:
            await asyncio.gather(*pumps)
        except (CutOff, OSError):
            reset(there_writer)
            raise
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            await closed(there_writer)

    def candidates(self) -> Sequence[Target]:
        """The targets that a new connection may lead to, the first one first."""
        return self._dice.sample(self._targets, len(self._targets))

    @asynccontextmanager
    async def carrying(self, target: Target) -> AsyncIterator[None]:
        """Around each connection that is passed on."""
        yield

    async def _connected(self) -> tuple[Target, tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        for target in self.candidates():
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    return target, await asyncio.open_connection(*target)
            except (OSError, TimeoutError):
                continue
        raise ConnectionRefusedError("No target accepts.")

    def _drawn(self) -> Cut | None:
        if self._is_calm or self._dice.random() >= self._cuts.share:
            return None
        after = round(self._cuts.least * (self._cuts.most / self._cuts.least) ** self._dice.random())
        return Cut(self._dice.choice(self._cuts.ways), after)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: Way, cut: Cut | None) -> None:
        left = cut.after if cut is not None and cut.way is way else None
        while chunk := await source.read(CHUNK):
            counted = left is not None and not self._is_calm
            passed = chunk[:left] if counted else chunk
            sink.write(passed)
            await sink.drain()
            if counted and left is not None:
                left -= len(passed)
                await self._cut_off_at(left)
        if sink.can_write_eof():
            sink.write_eof()

    async def _cut_off_at(self, left: int) -> None:
        if left > 0:
            return
        self.cut += 1
        await asyncio.sleep(RESET_DELAY)
        raise CutOff


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection by TCP reset, as a crashed peer does."""
    kept: socket.socket | None = writer.get_extra_info("socket")
    if kept is not None and kept.fileno() != -1:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    writer.transport.abort()
