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

TAIL_BYTES: Final = 4 * 1024**2  #: that are read of a file's end


class StoredMediaReader:
    """Implements MediaReader.

    Files of up to `whole` bytes are read whole; of larger ones as many bytes, the last `tail` of them from their end.
    """

    def __init__(
        self, store: ObjectStore, reader: PictureReader, *, whole: int = LARGEST_WAVEFORM, tail: int = TAIL_BYTES
    ) -> None:
        self._store = store
        self._reader = reader
        self._whole = whole
        self._tail = tail

    async def facts(self, key: str, *, size: int) -> MediaFacts:
        async with self._sampled(key, size=size) as path:
            return await self._reader.media_facts(path)

    async def poster(self, key: str, *, size: int, side: int, square: bool = False) -> bytes:
        async with self._sampled(key, size=size) as path:
            return await self._reader.poster(path, side, square=square)

    async def waveform(self, key: str, *, size: int) -> bytes:
        if size > self._whole:
            raise UnreadableFile("It is too long to be drawn.")
        async with self._sampled(key, size=size) as path:
            return await self._reader.waveform(path)

    @asynccontextmanager
    async def _sampled(self, key: str, *, size: int) -> AsyncIterator[Path]:
        """The object's beginning and end, as a temporary file of its `size` in bytes, with a hole in the middle."""
        head = min(size, self._whole - self._tail)
        tail = max(head, size - self._tail)
        with TemporaryDirectory(prefix="aijobs-") as folder:
            path = Path(folder) / "sample"
            with path.open("wb") as file:
                async for chunk in self._store.read(key, stop=head):
                    await to_thread(file.write, chunk)
                if tail < size:
                    file.seek(tail)
                    async for chunk in self._store.read(key, start=tail, stop=size):
                        await to_thread(file.write, chunk)
            yield path
