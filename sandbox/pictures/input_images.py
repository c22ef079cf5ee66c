"""Loading an input picture: from the web, or from a data: URL."""

import base64
import binascii
from typing import Final
from urllib.parse import unquote_to_bytes

import httpx

from sandbox.pictures.upscaling import WorkFailedError

MAX_DATA_URL: Final = 256 * 1024  #: characters, where files are to be uploaded
MAX_INLINE: Final = 20 * 1024**2  #: characters, where they are to be in the request
TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)


def from_data_url(url: str, *, at_most: int = MAX_DATA_URL) -> bytes:
    """Decode a data URL of at most so many characters. Raises WorkFailedError."""
    if len(url) > at_most:
        raise WorkFailedError(f"data URLs may have at most {at_most // 1024} kB; upload the file instead")
    head, _, body = url.partition(",")
    if not head.endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as garbled:
        raise WorkFailedError(f"the data URL is not base64: {garbled}") from garbled


async def from_web(http: httpx.AsyncClient, url: str, *, max_bytes: int) -> bytes:
    """Follows redirects; raises WorkFailedError when the file cannot be downloaded or is too large."""
    try:
        async with http.stream("GET", url, follow_redirects=True, timeout=TIMEOUT) as response:
            if not response.is_success:
                reason = f"{response.status_code}: {response.reason_phrase}"
                raise WorkFailedError(f"HTTP Error {reason} ({_without_query(url)})")
            return await _read(response, max_bytes)
    except (httpx.HTTPError, httpx.InvalidURL) as unreachable:
        raise WorkFailedError(f"could not download {_without_query(url)}: {unreachable!r}") from unreachable


def loaded(url: str) -> bytes:
    """The file behind a link, or in a data URL, in a worker thread. Raises WorkFailedError."""
    if url.startswith("data:"):
        return from_data_url(url, at_most=MAX_INLINE)
    try:
        with httpx.Client(trust_env=False, follow_redirects=True, timeout=TIMEOUT) as http:
            return http.get(url).raise_for_status().content
    except (httpx.HTTPError, httpx.InvalidURL) as unreachable:
        raise WorkFailedError(f"Failed to download the file: {unreachable!r}") from unreachable


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    received = bytearray()
    async for piece in response.aiter_bytes():
        received += piece
        if len(received) > max_bytes:
            raise WorkFailedError(f"the input has more than {max_bytes} bytes")
    return bytes(received)


def _without_query(url: str) -> str:
    return url.partition("?")[0]
