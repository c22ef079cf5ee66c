"""Uploading a file to Replicate as a streamed form (RFC 7578)."""

import mimetypes
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from aijobs.domain.errors import ProviderFailed
from aijobs.domain.provider_io import InputFile

MAX_FILE: Final = 100 * 1024 * 1024  #: bytes; Replicate answers 413 beyond
MAX_FILENAME: Final = 255  #: bytes

_EXTENSION: Final = re.compile(r"\.[A-Za-z0-9]{1,10}$")
_MEDIA_TYPE: Final = re.compile(r"[\w.+-]+/[\w.+-]+")


@dataclass(frozen=True)
class Form:
    """A form with one file, of known length."""

    headers: dict[str, str]
    content: AsyncIterator[bytes]


def form_of(file: InputFile, *, token: str) -> Form:
    """Replicate's fields for an upload. The file is named after the token; the caller's file name is not sent."""
    boundary = secrets.token_hex(16)
    media_type = file.media_type if _MEDIA_TYPE.fullmatch(file.media_type) else "application/octet-stream"
    filename = _filename(file, token)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="type"\r\n\r\n{media_type}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="filename"\r\n\r\n{filename}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="content"; filename="{filename}"\r\n'
        f"Content-Type: {media_type}\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + file.size + len(tail)),
    }
    return Form(headers, _streamed(head, file, tail))


async def _streamed(head: bytes, file: InputFile, tail: bytes) -> AsyncIterator[bytes]:
    """Raises ProviderFailed when the file's length differs from `file.size`: Content-Length has been sent."""
    remaining = file.size
    yield head
    async for chunk in file.chunks():
        remaining -= len(chunk)
        if remaining < 0:
            break
        yield chunk
    if remaining:
        raise ProviderFailed(f"The input file is not {file.size} bytes long.")
    yield tail


def _filename(file: InputFile, token: str) -> str:
    found = _EXTENSION.search(file.name)
    extension = found[0] if found else mimetypes.guess_extension(file.media_type) or ""
    return token[: MAX_FILENAME - len(extension)] + extension
