"""Photos on the web: a server that has a different one under each number, whatever else the address says."""

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
PATIENCE: Final = 10.0
MAX_HEAD: Final = 64 * 1024

_ASKED: Final = re.compile(rb"GET /(\d{1,9})\.jpg[? ]")


@lru_cache(maxsize=256)
def photo(number: int) -> bytes:
    """A JPEG whose squares spell the number, so that no two are taken for each other."""
    shade = number >> (COLUMNS * ROWS)
    picture = Image.new("RGB", (COLUMNS * SQUARE, ROWS * SQUARE), (40 * shade % 200, 60, 120))
    for place in range(COLUMNS * ROWS):
        if number >> place & 1:
            x, y = place % COLUMNS * SQUARE, place // COLUMNS * SQUARE
            picture.paste((240, 230, 120), (x, y, x + SQUARE, y + SQUARE))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def address(port: int, number: int, mischief: str) -> str:
    query = f"?{urlencode({'sandbox_fault': mischief})}" if mischief else ""
    return f"http://{HOST}:{port}/{number}.jpg{query}"


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    """Its port."""
    server = await asyncio.start_server(_answer, HOST, 0, limit=MAX_HEAD)
    async with server:
        port: int = server.sockets[0].getsockname()[1]
        yield port


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            asked = _ASKED.match(await reader.readuntil(b"\r\n\r\n"))
            content = photo(int(asked[1])) if asked else b""
            status = b"200 OK" if asked else b"404 Not Found"
            head = b"HTTP/1.1 %s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
            writer.write(head % (status, len(content)) + content)
            await writer.drain()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return
    finally:
        writer.close()
