"""An HTTP server that answers as a test wants, word for word, and hangs up."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

HANG_UP: Final = b""
OPENED: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n"
SIGN_OF_LIFE: Final = b": still here\n\n"


@dataclass(frozen=True)
class Dripping:
    """An answer that begins so, and then gives signs of life for ever."""

    beginning: bytes


@dataclass
class RudeServer:
    """Gives each connection the next of its `answers`. `requests` are what came, headers and all."""

    url: str = ""
    answers: deque[bytes | Dripping] = field(default_factory=deque)
    requests: list[str] = field(default_factory=list)

    def header(self, name: str) -> list[str | None]:
        """What each request said in it."""
        return [_headers(request).get(name.lower()) for request in self.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            body = await reader.readexactly(int(_headers(head).get("content-length", "0")))
            self.requests.append(head + body.decode(errors="replace"))
            await self._answer(self.answers.popleft(), writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client left first
        finally:
            writer.close()

    async def _answer(self, answer: bytes | Dripping, writer: asyncio.StreamWriter) -> None:
        writer.write(answer.beginning if isinstance(answer, Dripping) else answer)
        await writer.drain()
        while isinstance(answer, Dripping):
            writer.write(SIGN_OF_LIFE)
            await writer.drain()
            await asyncio.sleep(0.02)


@asynccontextmanager
async def rude_server(*answers: bytes | Dripping) -> AsyncIterator[RudeServer]:
    rude = RudeServer(answers=deque(answers))
    server = await asyncio.start_server(rude.serve, "127.0.0.1", 0)
    rude.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield rude


def answer(status: int, document: Any = None, *, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole answer with a JSON body, or with none."""
    body = b"" if document is None else json.dumps(document).encode()
    return raw_answer(status, body, length=len(body), headers=headers)


def raw_answer(status: int, body: bytes, *, length: int, headers: Mapping[str, str] | None = None) -> bytes:
    """One that claims to be `length` bytes long."""
    lines = [f"HTTP/1.1 {status} Somehow", f"Content-Length: {length}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def event(seq: int, *, status: int = 3, kind: str = "status") -> bytes:
    """A server-sent event of a job."""
    document = {
        "seq": seq,
        "code": "job_1",
        "at": "2026-11-21T10:00:00.123Z",
        "kind": kind,
        "job_status": status,
        "job_status_name": "?",
        "job_status_desc": "?",
        "unit_progress": None,
        "overall_progress": 50.0,
        "detail": {},
    }
    return f"id: {seq}\nevent: {kind}\ndata: {json.dumps(document)}\n\n".encode()


def job(status: int = 0, *, code: str = "job_1", **more: Any) -> dict[str, Any]:
    """A job as the API tells of it, with a field that this client has never heard of."""
    return {
        "code": code,
        "user_id": "ada",
        "model_id": "m",
        "model_name": "M",
        "model_version": "1",
        "platform": "P",
        "output_count": 1,
        "create_date": "2026-11-21",
        "job_status": status,
        "job_status_name": "?",
        "job_status_desc": "?",
        "overall_progress": 0.0,
        "outputs": [],
        "invented_next_year": {"a": 1},
        **more,
    }


def _headers(request: str) -> dict[str, str]:
    lines = request.partition("\r\n\r\n")[0].split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
