"""A web server with a different photo for each number; the rest of the URL is ignored."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Final
from urllib.parse import urlencode

from PIL import Image

from cli.embedded.ports import HOST

COLUMNS, ROWS, SQUARE = 4, 4, 16
TIMEOUT: Final = 10.0
MAX_HEAD: Final = 64 * 1024

_REQUEST: Final = re.compile(rb"GET /(\d{1,9})\.jpg[? ]")


@lru_cache(maxsize=256)
def photo(number: int) -> bytes:
    """A JPEG whose squares spell the number, so that no two are taken for each other."""
    shade = number >> (COLUMNS * ROWS)
    picture = Image.new("RGB", (COLUMNS * SQUARE, ROWS * SQUARE), (40 * shade % 200, 60, 120))
    for bit in range(COLUMNS * ROWS):
        if number >> bit & 1:
            x, y = bit % COLUMNS * SQUARE, bit // COLUMNS * SQUARE
            picture.paste((240, 230, 120), (x, y, x + SQUARE, y + SQUARE))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def address(place: str, number: int, fault: str) -> str:
    """`place` is host:port."""
    query = f"?{urlencode({'sandbox_fault': fault})}" if fault else ""
    return f"http://{place}/{number}.jpg{query}"


@asynccontextmanager
async def served(host: str = HOST) -> AsyncIterator[str]:
    """Serve until the block ends. Yields host:port."""
    server = await asyncio.start_server(_serve, host, 0, limit=MAX_HEAD)
    async with server:
        yield f"{host}:{server.sockets[0].getsockname()[1]}"


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(TIMEOUT):
            request = _REQUEST.match(await reader.readuntil(b"\r\n\r\n"))
            content = photo(int(request[1])) if request else b""
            status = b"200 OK" if request else b"404 Not Found"
            head = b"HTTP/1.1 %s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
            writer.write(head % (status, len(content)) + content)
            await writer.drain()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return
    finally:
        writer.close()
