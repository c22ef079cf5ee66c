"""An HTTP server that sends the exact bytes that a test gives it, and closes the connection."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

HANG_UP: Final = b""
STREAM_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n"
COMMENT: Final = b": still here\n\n"


@dataclass(frozen=True)
class EndlessResponse:
    """A response that starts with these bytes and then sends comments without end."""

    beginning: bytes


@dataclass
class ScriptedServer:
    """Sends the next of its `responses` to each connection. `requests`: what was received, with the headers."""

    url: str = ""
    responses: deque[bytes | EndlessResponse] = field(default_factory=deque)
    requests: list[str] = field(default_factory=list)

    def header(self, name: str) -> list[str | None]:
        """The value of this header in each request."""
        return [_headers(request).get(name.lower()) for request in self.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            body = await reader.readexactly(int(_headers(head).get("content-length", "0")))
            self.requests.append(head + body.decode(errors="replace"))
            await self._respond(self.responses.popleft(), writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client left first
        finally:
            writer.close()

    async def _respond(self, response: bytes | EndlessResponse, writer: asyncio.StreamWriter) -> None:
        writer.write(response.beginning if isinstance(response, EndlessResponse) else response)
        await writer.drain()
        while isinstance(response, EndlessResponse):
            writer.write(COMMENT)
            await writer.drain()
            await asyncio.sleep(0.02)


@asynccontextmanager
async def scripted_server(*responses: bytes | EndlessResponse) -> AsyncIterator[ScriptedServer]:
    script = ScriptedServer(responses=deque(responses))
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield script


def response(status: int, document: Any = None, *, headers: Mapping[str, str] | None = None) -> bytes:
    """A complete response with a JSON body, or with none."""
    body = b"" if document is None else json.dumps(document).encode()
    return raw_response(status, body, length=len(body), headers=headers)


def raw_response(status: int, body: bytes, *, length: int, headers: Mapping[str, str] | None = None) -> bytes:
    """A response whose Content-Length is `length`, whatever the body is."""
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
    """A job as the API sends it, with a field that this client does not know."""
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
