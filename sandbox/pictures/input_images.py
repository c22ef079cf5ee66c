"""Getting the picture that a caller named: from the web, or out of a data: URL."""

import base64
import binascii
from typing import Final
from urllib.parse import unquote_to_bytes

import httpx

from sandbox.pictures.upscaling import WorkFailedError

MAX_DATA_URL: Final = 256 * 1024
PATIENCE: Final = httpx.Timeout(30.0, connect=10.0)


def from_data_url(url: str) -> bytes:
    """At most 256 kB, as the vendors have it; raises WorkFailedError."""
    if len(url) > MAX_DATA_URL:
        raise WorkFailedError("data URLs may have at most 256 kB; upload the file instead")
    head, _, body = url.partition(",")
    if not head.endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as garbled:
        raise WorkFailedError(f"the data URL is not base64: {garbled}") from garbled


async def from_web(http: httpx.AsyncClient, url: str, *, max_bytes: int) -> bytes:
    """Follows redirects; raises WorkFailedError when the file cannot be had or is too large."""
    try:
        async with http.stream("GET", url, follow_redirects=True, timeout=PATIENCE) as answer:
            if not answer.is_success:
                raise WorkFailedError(f"HTTP Error {answer.status_code}: {answer.reason_phrase} ({_bare(url)})")
            return await _read(answer, max_bytes)
    except (httpx.HTTPError, httpx.InvalidURL) as unreachable:
        raise WorkFailedError(f"could not download {_bare(url)}: {unreachable!r}") from unreachable


async def _read(answer: httpx.Response, max_bytes: int) -> bytes:
    received = bytearray()
    async for piece in answer.aiter_bytes():
        received += piece
        if len(received) > max_bytes:
            raise WorkFailedError(f"the input has more than {max_bytes} bytes")
    return bytes(received)


def _bare(url: str) -> str:
    return url.partition("?")[0]
