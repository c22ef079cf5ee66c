"""An upload as a streamed form with one file (RFC 7578)."""

import mimetypes
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from aijobs.domain.errors import ProviderFailed
from aijobs.domain.provider_io import InputFile

MAX_FILENAME: Final = 255  #: bytes

_EXTENSION: Final = re.compile(r"\.[A-Za-z0-9]{1,10}$")
_MEDIA_TYPE: Final = re.compile(r"[\w.+-]+/[\w.+-]+")


@dataclass(frozen=True)
class Form:
    """A form with one file, of known length."""

    headers: dict[str, str]
    content: AsyncIterator[bytes]


def plain_media_type(file: InputFile) -> str:
    return file.media_type if _MEDIA_TYPE.fullmatch(file.media_type) else "application/octet-stream"


def file_form(file: InputFile, *, field: str, filename: str, fields: Mapping[str, str]) -> Form:
    """The file as `field`, after the other `fields`, whose values are plain words."""
    boundary = secrets.token_hex(16)
    plain = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head = (
        f'{plain}--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{filename}"\r\n'
        f"Content-Type: {plain_media_type(file)}\r\n\r\n"
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


def filename_of(file: InputFile, token: str) -> str:
    """The token, with the file's extension: the caller's own name is not sent."""
    found = _EXTENSION.search(file.name)
    extension = found[0] if found else mimetypes.guess_extension(file.media_type) or ""
    return token[: MAX_FILENAME - len(extension)] + extension
