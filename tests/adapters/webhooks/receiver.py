"""A caller's server that accepts webhooks or fails in different ways."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]

TIMEOUT = 60.0


@dataclass(frozen=True)
class ReceivedWebhook:
    """A webhook as received, with header names in lower case."""

    path: str
    headers: dict[str, str]
    text: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def body(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.text)
        return document

    def verified(self, secret: str) -> dict[str, Any]:
        """The body as JSON, if the signature is valid. Raises WebhookVerificationError."""
        document: dict[str, Any] = Webhook(secret).verify(self.text, self.headers)
        return document


@dataclass
class Receiver:
    """Uses the next behaviour of `script` for each message, and accepts all messages after them."""

    url: str = ""
    script: deque[Behaviour] = field(default_factory=deque)
    received: list[ReceivedWebhook] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def behaves(self, *behaviours: Behaviour) -> None:
        self.script.extend(behaviours)

    async def messages(self, count: int) -> list[ReceivedWebhook]:
        """The first `count` messages, once they have been received."""
        async with asyncio.timeout(TIMEOUT), self.changed:
            await self.changed.wait_for(lambda: len(self.received) >= count)
        return self.received[:count]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Receiver"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
        async with server:
            yield self

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://").partition("/")[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            received = await _read(reader)
            behave = self.script.popleft() if self.script else takes
            async with self.changed:
                self.received.append(received)
                self.changed.notify_all()
            await behave(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever called had enough
        finally:
            writer.close()


async def takes(writer: asyncio.StreamWriter) -> None:
    await _say(writer, "204 No Content")


def answers(status: str, *headers: str) -> Behaviour:
    """For example `503 Service Unavailable`."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        await _say(writer, status, *headers, "content-length: 0")

    return answer


async def hangs(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(TIMEOUT)


async def resets(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def talks(sent_bytes: list[int], *, status: str = "200 OK", gigabytes: int = 5) -> Behaviour:
    """Answers with a very long body; the number of sent bytes is added to `sent_bytes`."""

    async def talk(writer: asyncio.StreamWriter) -> None:
        await _say(writer, status, f"content-length: {gigabytes * 1024**3}")
        block = bytes(64 * 1024)
        for _ in range(gigabytes * 1024**3 // len(block)):
            writer.write(block)
            await writer.drain()
            sent_bytes.append(len(block))

    return talk


async def _say(writer: asyncio.StreamWriter, status: str, *headers: str) -> None:
    lines = "".join(f"{header}\r\n" for header in ("connection: close", *headers))
    writer.write(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode())
    await writer.drain()


async def _read(reader: asyncio.StreamReader) -> ReceivedWebhook:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    path = head[0].split(" ")[1]
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
    return ReceivedWebhook(path, headers, (await reader.readexactly(int(headers["content-length"]))).decode())
