"""A ZIP file that is made while it is sent, in flat memory: ZIP64, and nothing waits for sizes."""

import zipfile
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from typing import Final

from aijobs.domain.errors import NotFound

MIN_ZIP_YEAR: Final = 1980


class ZipStream:
    """Its methods yield the parts of the file; `end` the last of them. One entry is written at a time."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._archive = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_STORED, allowZip64=True)

    async def add_stored(
        self, name: str, content: AsyncIterator[bytes], *, size: int, at: datetime
    ) -> AsyncGenerator[bytes]:
        """An object of the store, not compressed: pictures and videos are. Nothing when it is not there any more."""
        try:
            first = await anext(content, b"")
        except NotFound:
            return
        info = zipfile.ZipInfo(name, date_time=_zip_time(at))
        info.file_size = size
        with self._archive.open(info, "w", force_zip64=size >= zipfile.ZIP64_LIMIT // 2) as target:
            target.write(first)
            yield self._sink.take()
            async for chunk in content:
                target.write(chunk)
                yield self._sink.take()

    async def add_text(self, name: str, content: AsyncIterator[bytes], *, at: datetime) -> AsyncGenerator[bytes]:
        """A text of any size, compressed."""
        info = zipfile.ZipInfo(name, date_time=_zip_time(at))
        info.compress_type = zipfile.ZIP_DEFLATED
        with self._archive.open(info, "w", force_zip64=True) as target:
            async for chunk in content:
                target.write(chunk)
                yield self._sink.take()

    def end(self) -> bytes:
        """The directory of the file."""
        self._archive.close()
        return self._sink.take()


class _Sink:
    """Keeps what is written until it is taken. It cannot seek, so that nothing has to wait for sizes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes, /) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """What is here may still be taken."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def _zip_time(at: datetime) -> tuple[int, int, int, int, int, int]:
    return (max(at.year, MIN_ZIP_YEAR), at.month, at.day, at.hour, at.minute, at.second)
