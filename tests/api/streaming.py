"""Clients of event streams: SSE and WebSocket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.api.installation import ApiUnderTest

TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class SseFrame:
    """An event as a browser dispatches it."""

    id: str
    event: str
    data: Any


class SseReader:
    """One open SSE response. `last_id` is what a browser would send when it comes back."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.last_id = ""
        self._frames = self._parse_frames()

    async def next(self) -> SseFrame:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await anext(self._frames)

    async def take(self, count: int) -> list[SseFrame]:
        return [await self.next() for _ in range(count)]

    async def rest(self) -> list[SseFrame]:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return [frame async for frame in self._frames]

    async def wait_for_id(self) -> None:
        """Wait for the first `id`: the position at which the stream begins."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            async for _ in self._lines():
                if self.last_id:
                    return

    async def _parse_frames(self) -> AsyncIterator[SseFrame]:
        """The events of the stream (WHATWG HTML, section 9.2.6)."""
        fields: dict[str, str] = {}
        async for name, value in self._lines():
            if name:
                fields[name] = value
            elif "data" in fields:
                yield SseFrame(self.last_id, fields.pop("event", "message"), json.loads(fields.pop("data")))

    async def _lines(self) -> AsyncIterator[tuple[str, str]]:
        self._read = getattr(self, "_read", None) or self.answer.aiter_lines()
        async for line in self._read:
            name, _, value = line.partition(":")
            if name == "id":
                self.last_id = value.strip()
            yield name, value.removeprefix(" ")


@asynccontextmanager
async def reading(
    api: ApiUnderTest, path: str, *, headers: dict[str, str] | None = None, last_id: str | None = None
) -> AsyncIterator[SseReader]:
    more = {} if last_id is None else {"Last-Event-ID": last_id}
    async with api.http.stream("GET", path, headers={**(headers or {}), **more}, timeout=TIMEOUT_SECONDS) as answer:
        assert answer.status_code == 200, await answer.aread()
        yield SseReader(answer)


@asynccontextmanager
async def socket(
    api: ApiUnderTest, query: str = "", *, headers: dict[str, str] | None = None, origin: str | None = None
) -> AsyncIterator[ClientConnection]:
    """With the installation's key, unless headers say otherwise."""
    sent = {"Authorization": str(api.http.headers["Authorization"])} if headers is None else headers
    url = f"{api.url.replace('http', 'ws', 1)}/api/ws{query}"
    more: dict[str, Any] = {"origin": origin} if origin else {}
    async with connect(url, additional_headers=sent, proxy=None, **more) as connection:
        yield connection


async def receive_json(connection: ClientConnection) -> Any:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        return json.loads(await connection.recv())
