"""Requests as raw bytes on a socket, also malformed ones."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from api.app import build_app
from api.connections.deadlines import ClientLimits
from api.connections.limits import ConnectionLimits
from api.dependencies import ApiDependencies
from api.server import serving
from tests.api.installation import ApiUnderTest
from tests.patience import http_client

TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class RawResponse:
    """A response as it was on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> Any:
        return json.loads(self.body)


class RawConnection:
    """A connection that sends the bytes it is given, and returns what it receives."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *pieces: str | bytes) -> None:
        for piece in pieces:
            self._writer.write(piece.encode() if isinstance(piece, str) else piece)
        with suppress(ConnectionError):  # a response sent before the close can still be read
            await self._writer.drain()

    async def answer(self) -> RawResponse:
        """The next response. Raises EOFError when the connection is closed without one."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return RawResponse(int(head[0].split()[1]), headers, body)

    async def closed(self, *, within: float = TIMEOUT_SECONDS) -> bytes:
        """The bytes received until the server closes."""
        async with asyncio.timeout(within):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""

    async def is_open(self, *, after: float = 0.05) -> bool:
        """Whether the connection stays open, and nothing is received, for `after` seconds."""
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


async def request_once(url: str, *text: str | bytes) -> RawResponse:
    """The response to these bytes, on a new connection."""
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
    dependencies: ApiDependencies, key: str, *, connections: dict[str, Any] | None = None, **clients: Any
) -> AsyncIterator[ApiUnderTest]:
    """An installation with these limits of connections and clients."""
    async with (
        serving(
            build_app(dependencies),
            dependencies.live,
            host="127.0.0.1",
            port=0,
            connections=ConnectionLimits(**connections or {}),
            clients=ClientLimits(**clients),
        ) as url,
        http_client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as http,
    ):
        yield ApiUnderTest(url, dependencies, http)


async def idle_connections(opened: AsyncExitStack, url: str, count: int) -> list[RawConnection]:
    return [await opened.enter_async_context(raw_connection(url)) for _ in range(count)]
