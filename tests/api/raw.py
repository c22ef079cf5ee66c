"""Bytes on a socket, as no well-behaved client sends them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from api.app import build_app
from api.connections.deadlines import ClientLimits
from api.connections.limits import ConnectionLimits
from api.dependencies import ApiDependencies
from api.server import serving
from tests.api.installation import ApiUnderTest

PATIENCE = 10.0


@dataclass(frozen=True)
class RawAnswer:
    """One answer, as it stood on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> Any:
        return json.loads(self.body)


class RawConnection:
    """A connection that says what it is told to, and hears whatever comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *said: str | bytes) -> None:
        for piece in said:
            self._writer.write(piece.encode() if isinstance(piece, str) else piece)
        with suppress(ConnectionError):  # what was answered before it was closed may still be read
            await self._writer.drain()

    async def answer(self) -> RawAnswer:
        """The next one. Raises EOFError when the connection is closed without one."""
        async with asyncio.timeout(PATIENCE):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return RawAnswer(int(head[0].split()[1]), headers, body)

    async def closed(self, *, within: float = PATIENCE) -> bytes:
        """What is heard until the other side closes."""
        async with asyncio.timeout(within):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""

    async def is_open(self, *, after: float = 0.05) -> bool:
        """Whether nothing was heard for so long."""
        try:
            async with asyncio.timeout(after):
                await self._reader.read(1)
        except TimeoutError:
            return True
        except ConnectionError:
            return False
        return False

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def raw_connection(url: str) -> AsyncIterator[RawConnection]:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        yield RawConnection(reader, writer)
    finally:
        writer.close()


async def said(url: str, *text: str | bytes) -> RawAnswer:
    """The answer to this, on a connection of its own."""
    async with raw_connection(url) as connection:
        await connection.send(*text)
        return await connection.answer()


def head(method: str, path: str, **headers: str) -> str:
    """The head of a request; a header's `_` stands for `-`."""
    lines = "".join(
        f"{name.replace('_', '-')}: {value}\r\n" for name, value in {"Host": "127.0.0.1", **headers}.items()
    )
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n"


@asynccontextmanager
async def served(
    parts: ApiDependencies, key: str, *, connections: dict[str, Any] | None = None, **clients: Any
) -> AsyncIterator[ApiUnderTest]:
    """An installation whose connections have these limits."""
    async with (
        serving(
            build_app(parts),
            parts.live,
            host="127.0.0.1",
            port=0,
            connections=ConnectionLimits(**connections or {}),
            clients=ClientLimits(**clients),
        ) as url,
        httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as http,
    ):
        yield ApiUnderTest(url, parts, http)


async def silent(opened: AsyncExitStack, url: str, count: int) -> list[RawConnection]:
    return [await opened.enter_async_context(raw_connection(url)) for _ in range(count)]
