"""Videos and sounds in the store, looked into by the picture process.

Containers keep their index at their beginning or their end, and their first pictures near the beginning; so gigabytes
of video are looked into with a few megabytes of transfer, of memory and of disk.
"""

from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from aijobs.adapters.media.picture_reader import PictureReader
from aijobs.domain.errors import UnreadableFile
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.values.media import LARGEST_WAVEFORM, MediaFacts

TAIL_BYTES: Final = 4 * 1024**2
HEAD_BYTES: Final = LARGEST_WAVEFORM - TAIL_BYTES


class StoredMediaReader:
    """Implements MediaReader."""

    def __init__(self, store: ObjectStore, reader: PictureReader) -> None:
        self._store = store
        self._reader = reader

    async def facts(self, key: str, *, size: int) -> MediaFacts:
        async with _sampled(self._store, key, size=size) as path:
            return await self._reader.media_facts(path)

    async def poster(self, key: str, *, size: int, side: int, square: bool = False) -> bytes:
        async with _sampled(self._store, key, size=size) as path:
            return await self._reader.poster(path, side, square=square)

    async def waveform(self, key: str, *, size: int) -> bytes:
        if size > LARGEST_WAVEFORM:
            raise UnreadableFile("It is too long to be drawn.")
        async with _sampled(self._store, key, size=size) as path:
            return await self._reader.waveform(path)


@asynccontextmanager
async def _sampled(store: ObjectStore, key: str, *, size: int) -> AsyncIterator[Path]:
    """The object's beginning and end, as a temporary file of its size with a hole in the middle. `size` in bytes.

    It is whole when the object has no more than LARGEST_WAVEFORM bytes.
    """
    head = min(size, HEAD_BYTES)
    tail = max(head, size - TAIL_BYTES)
    with TemporaryDirectory(prefix="aijobs-") as folder:
        path = Path(folder) / "sample"
        with path.open("wb") as file:
            async for chunk in store.read(key, stop=head):
                await to_thread(file.write, chunk)
            if tail < size:
                file.seek(tail)
                async for chunk in store.read(key, start=tail, stop=size):
                    await to_thread(file.write, chunk)
        yield path
