"""A scripted vendor on a socket, whose behaviour is set for each connection."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Behaviour = Callable[["Connection"], Awaitable[None]]


@dataclass(frozen=True)
class RecordedRequest:
    """A request, as received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass
class ScriptedVendor:
    """A server on a socket. The first connection gets the first behaviour, and so on; the last one stays."""

    behaviours: tuple[Behaviour, ...]
    url: str = ""
    connections: int = 0
    received: list[RecordedRequest] = field(default_factory=list)
    has_received: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behaviour = self.behaviours[min(self.connections, len(self.behaviours) - 1)]
        self.connections += 1
        try:
            await behaviour(Connection(self, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()


@dataclass(frozen=True)
class Connection:
    """One accepted connection."""

    vendor: ScriptedVendor
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def receive(self) -> None:
        """Read one request to its end."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        self.vendor.received.append(RecordedRequest(method, path, headers, body))
        self.vendor.has_received.set()

    async def until_the_client_leaves(self) -> None:
        await self.reader.read()


def encoded(status: int, body: Any, headers: dict[str, str]) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + content


class Behaviours:
    """The behaviours of a scripted server."""

    @staticmethod
    def answers(status: int, body: Any = b"", **headers: str) -> Behaviour:
        """A valid response; `retry_after="3"` is the header Retry-After."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Behaviours.says(encoded(status, body, {"Connection": "close", **named}))

    @staticmethod
    def says(raw: bytes) -> Behaviour:
        """Reads a request, sends these bytes, and closes."""

        async def behaviour(client: Connection) -> None:
            await client.receive()
            client.writer.write(raw)
            await client.writer.drain()

        return behaviour

    @staticmethod
    async def drops_at_once(_: Connection) -> None:
        """Closes the connection without reading."""

    @staticmethod
    async def never_shakes_hands(client: Connection) -> None:
        """Reads and never answers, so that no TLS handshake completes."""
        await client.until_the_client_leaves()

    @staticmethod
    async def drops_after_hearing(client: Connection) -> None:
        await client.receive()

    @staticmethod
    async def resets(client: Connection) -> None:
        """Reads a request, then resets the connection."""
        await client.receive()
        linger_not_at_all = struct.pack("ii", 1, 0)
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not_at_all)

    @staticmethod
    async def hangs(client: Connection) -> None:
        await client.receive()
        await client.until_the_client_leaves()

    @staticmethod
    async def trickles(client: Connection) -> None:
        """Sends an endless response, one byte at a time, without long pauses."""
        await client.receive()
        client.writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 1000000\r\n\r\n")
        while not client.writer.is_closing():
            client.writer.write(b" ")
            await client.writer.drain()
            await asyncio.sleep(0.05)
