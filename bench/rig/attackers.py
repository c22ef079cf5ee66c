"""Clients that attack the API: `python -m bench.rig.attackers ATTACK PORT KEY SECONDS`, on this machine only.

Each attack is bounded in connections and in time, and ends by itself.
"""

import asyncio
import collections
import itertools
import os
import resource
import secrets
import struct
import sys
import time
import zlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from cli.embedded.ports import HOST

SILENT: Final = 5000
DRIPPING: Final = 1000
NEVER_READING: Final = 200
TICK_SECONDS: Final = 0.1
AT_ONCE: Final = 100  #: connections that are opened within a tick
OPENED_AGAIN: Final = 5.0  #: seconds after a connection was closed
WRONG_KEYS_A_SECOND: Final = 100
BOMBS: Final = 8
BOMB_PIXELS: Final = 9400
HOSTILE_BYTES: Final = 1_800_000
LINE_BYTES: Final = 50_000_000  #: a second: 400 Mbit/s
DRIP_EVERY: Final = 10  #: ticks
LEAST_IMPORTANT: Final = 19  #: niceness

HEADER: Final = f"Host: {HOST}\r\n"
HOSTILE_JSON: Final = b"[" + b"[]," * (HOSTILE_BYTES // 3) + b"[]]"


@dataclass(frozen=True)
class Target:
    """The API, a key for the attackers that use one, and when to stop."""

    port: int
    key: str
    ends_at: float

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.ends_at

    def client(self, *, with_key: bool) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.key}"} if with_key else {}
        return httpx.AsyncClient(
            base_url=f"http://{HOST}:{self.port}", headers=headers, timeout=30, trust_env=False, follow_redirects=False
        )


class HeldConnection(asyncio.Protocol):
    """A connection that sends a request, and then single bytes or nothing. It may never read."""

    def __init__(self, request: bytes, *, reads: bool = True) -> None:
        self._request = request
        self._reads = reads
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.is_open = True
        if not self._reads:
            transport.pause_reading()
        if self._request:
            transport.write(self._request)

    def connection_lost(self, _lost: Exception | None) -> None:
        self.is_open = False

    def drip(self, byte: bytes) -> None:
        if self.is_open and byte:
            self.transport.write(byte)


async def _hold_connections(
    target: Target, count: int, payloads: list[bytes], *, drip: bytes = b"", reads: bool = True
) -> None:
    """Hold `count` connections; each is opened again some time after it was closed."""
    loop, connections = asyncio.get_running_loop(), list[HeldConnection]()
    due = collections.deque([0.0] * count)  #: when each closed connection is to be opened
    requests = itertools.cycle(payloads)
    for tick in itertools.count():
        now = time.monotonic()
        if target.is_over:
            break
        closed = [connection for connection in connections if not connection.is_open]
        connections = [connection for connection in connections if connection.is_open]
        due.extend(now + OPENED_AGAIN for _ in closed)
        opening: list[Coroutine[Any, Any, tuple[asyncio.Transport, HeldConnection]]] = []
        while due and due[0] <= now and len(opening) < AT_ONCE:
            due.popleft()
            opening.append(
                loop.create_connection(lambda: HeldConnection(next(requests), reads=reads), HOST, target.port)
            )
        for opened in await asyncio.gather(*opening, return_exceptions=True):
            if isinstance(opened, BaseException):
                due.append(now + OPENED_AGAIN)
            else:
                connections.append(opened[1])
        await asyncio.sleep(TICK_SECONDS)
        for connection in connections if tick % DRIP_EVERY == 0 else ():
            connection.drip(drip)
    for connection in connections:
        connection.transport.abort()


async def _repeat(
    target: Target, clients: int, act: Callable[[httpx.AsyncClient], Awaitable[object]], *, pause: float = 0
) -> None:
    async def one(*, with_key: bool) -> None:
        async with target.client(with_key=with_key) as http:
            while not target.is_over:
                with suppress(httpx.HTTPError):
                    await act(http)
                await asyncio.sleep(pause)

    await asyncio.gather(*(one(with_key=bool(number % 2)) for number in range(clients)))


async def silent(target: Target) -> None:
    """Connections that send nothing."""
    await _hold_connections(target, SILENT, [b""])


async def slow_headers(target: Target) -> None:
    """A byte of a header every second."""
    await _hold_connections(target, DRIPPING, [f"GET /api/models HTTP/1.1\r\n{HEADER}X-Slow: ".encode()], drip=b"a")


async def slow_bodies(target: Target) -> None:
    """A byte of a body every second, on paths that read the body without a key and on those that do not."""
    body = f"{HEADER}Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{{"
    payloads = [f"POST {path} HTTP/1.1\r\n{body}".encode() for path in ("/api/sessions", "/api/jobs", "/login")]
    await _hold_connections(target, DRIPPING, payloads, drip=b" ")


async def never_reading(target: Target) -> None:
    """Connections that request streams and large responses, and read nothing."""
    stream = f"GET /api/events?after=0 HTTP/1.1\r\n{HEADER}Authorization: Bearer {target.key}\r\n\r\n".encode()
    pipelined = f"GET /openapi.json HTTP/1.1\r\n{HEADER}\r\n".encode() * 5
    await _hold_connections(target, NEVER_READING, [stream, pipelined], reads=False)


async def hostile_json(target: Target) -> None:
    """Four clients that send 1.8 MB of `[[],[],…]`, two of them with a key, over a line of LINE_BYTES a second."""
    headers, clients = {"Content-Type": "application/json"}, 4

    async def attempt(http: httpx.AsyncClient) -> None:
        await http.put("/api/templates/x", content=HOSTILE_JSON, headers=headers)

    await _repeat(target, clients, attempt, pause=clients * HOSTILE_BYTES / LINE_BYTES)


async def wrong_keys(target: Target) -> None:
    """WRONG_KEYS_A_SECOND requests, each with another key."""

    async def attempt(http: httpx.AsyncClient) -> None:
        key = f"aijobs_service_{secrets.token_hex(8)}_{secrets.token_hex(16)}"
        await http.get("/api/models", headers={"Authorization": f"Bearer {key}"})

    clients = 10
    await _repeat(target, clients, attempt, pause=clients / WRONG_KEYS_A_SECOND)


async def bombs(target: Target) -> None:
    """Eight small files at once that decode to large pictures, repeatedly."""
    bomb = picture_bomb(BOMB_PIXELS)
    async with target.client(with_key=True) as http:
        while not target.is_over:
            sending = (
                http.post("/api/photo-reviews", files={"photo": ("a.png", bomb)}, data={"user_id": f"bomber{number}"})
                for number in range(BOMBS)
            )
            await asyncio.gather(*sending, return_exceptions=True)
            await asyncio.sleep(0.1)


def picture_bomb(pixels: int) -> bytes:
    """A black PNG (RFC 2083) of `pixels` by `pixels`, compressed row by row."""
    compressor = zlib.compressobj(9)
    row = bytes(1 + 3 * pixels)
    data = b"".join(compressor.compress(row) for _ in range(pixels)) + compressor.flush()
    head = struct.pack(">IIBBBBB", pixels, pixels, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


ATTACKS: Final[Mapping[str, Callable[[Target], Awaitable[None]]]] = {
    "silent": silent,
    "slow-headers": slow_headers,
    "slow-bodies": slow_bodies,
    "never-reading": never_reading,
    "hostile-json": hostile_json,
    "wrong-keys": wrong_keys,
    "bombs": bombs,
}


async def attack(name: str, port: int, key: str, seconds: float) -> None:
    target = Target(port=port, key=key, ends_at=time.monotonic() + seconds)
    await ATTACKS[name](target)


def yield_to_everybody() -> None:
    """Real attackers are on other machines: this process only gets what the API and its users leave over.

    Linux may group processes by session (sched(7), autogroup); the group needs the same niceness then.
    """
    os.nice(LEAST_IMPORTANT)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(LEAST_IMPORTANT))


def allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(2 * SILENT, hard)), hard))


def main() -> None:
    name, port, key, seconds = sys.argv[1:]
    yield_to_everybody()
    allow_many_connections()
    asyncio.run(attack(name, int(port), key, float(seconds)))


if __name__ == "__main__":
    main()
