"""A vendor that is played: one behaviour at a time for every request, and a count of the connections."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from aijobs.providers.package import Answer

Respond = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

ENDLESS_PIECE: Final = b" " * 1024 * 1024
ENDLESS_PIECES: Final = 100
LONGEST_HEAD: Final = 64 * 1024


@dataclass
class PlayedVendor:
    """`$URL` in an answer becomes its own address. `heads` are the first lines and headers of what came."""

    respond: Respond | None = None
    url: str = ""
    heads: list[str] = field(default_factory=list)

    @property
    def connections(self) -> int:
        return len(self.heads)

    def answers(self, status: int, body: str | bytes | Mapping[str, object], **headers: str) -> None:
        """From now on every request gets this; `retry_after="3"` is the header Retry-After."""
        self.says(self._response(status, body, **headers))

    def plays(self, answer: Answer, *, status: int = 200) -> None:
        """From now on requests get the answers of a specimen."""
        by_end = {"": answer} if isinstance(answer, str) else answer
        longest_first = sorted(by_end, key=len, reverse=True)

        async def respond(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            path = self.heads[-1].split(" ")[1].partition("?")[0]
            writer.write(self._response(status, by_end[next(end for end in longest_first if path.endswith(end))]))
            await writer.drain()

        self.respond = respond

    def _response(self, status: int, body: str | bytes | Mapping[str, object], **headers: str) -> bytes:
        content = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        content = content.replace(b"$URL", self.url.encode())
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        lines = {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            "Connection": "close",
            **named,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + content

    def says(self, raw: bytes) -> None:
        async def respond(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(raw)
            await writer.drain()

        self.respond = respond

    def drops(self) -> None:
        """Closes the connection when the request has come."""

        async def respond(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None: ...

        self.respond = respond

    def resets(self) -> None:
        async def respond(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            linger_not_at_all = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not_at_all)

        self.respond = respond

    def hangs(self) -> None:
        async def respond(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await reader.read()

        self.respond = respond

    def never_ends(self) -> None:
        """A success of a hundred megabytes, whose length is not told."""

        async def respond(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
            for _piece in range(ENDLESS_PIECES):
                writer.write(ENDLESS_PIECE)
                await writer.drain()

        self.respond = respond

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError)
        with suppress(*ends):  # canceled: the vendor is no longer played
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            lengths = [line for line in head.lower().splitlines() if line.startswith("content-length:")]
            await reader.readexactly(int(lengths[0].partition(":")[2]) if lengths else 0)
            if self.respond is not None:
                await self.respond(reader, writer)
        writer.close()


@asynccontextmanager
async def playing() -> AsyncIterator[PlayedVendor]:
    vendor = PlayedVendor()
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0, limit=LONGEST_HEAD)
    vendor.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield vendor
    finally:
        server.close()
