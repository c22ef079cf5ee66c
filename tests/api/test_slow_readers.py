"""A client that reads a response slowly does not keep its place for as long as it likes."""

import asyncio
import socket
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from api.dependencies import ApiDependencies
from tests.api.raw import head, served

LARGE = "/openapi.json"
REQUESTS = 40  #: one behind another, for more than the kernel's buffers take
PERIOD = timedelta(seconds=0.5)
RATE = 32 * 1024


async def read_at(url: str, *, bytes_at_once: int, pause: float, seconds: float) -> bool:
    """Ask for more than buffers hold, and read at this rate. Returns whether the connection was cut meanwhile."""
    loop, address = asyncio.get_running_loop(), urlsplit(url)
    with socket.socket() as slow:
        slow.setblocking(False)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        await loop.sock_connect(slow, (address.hostname, address.port))
        await loop.sock_sendall(slow, (head("GET", LARGE) * REQUESTS).encode())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        if not await loop.sock_recv(slow, bytes_at_once):
                            return True
                    except ConnectionError:
                        return True
                    if slow.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):  # cut, though not all is read
                        return True
                    await asyncio.sleep(pause)
    return False


@pytest.mark.parametrize("bytes_at_once", [1, 200])
async def test_who_reads_next_to_nothing_is_cut(dependencies: ApiDependencies, key: str, bytes_at_once: int) -> None:
    async with served(dependencies, key, write=PERIOD, write_rate=RATE, pipelined=REQUESTS) as api:
        assert await read_at(api.url, bytes_at_once=bytes_at_once, pause=0.02, seconds=60)


async def test_who_reads_slowly_is_not(dependencies: ApiDependencies, key: str) -> None:
    async with served(dependencies, key, write=PERIOD, write_rate=RATE, pipelined=REQUESTS) as api:
        assert not await read_at(api.url, bytes_at_once=64 * 1024, pause=0.05, seconds=5)
