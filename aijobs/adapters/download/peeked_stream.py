"""A stream whose beginning can be read ahead without consuming it."""

from collections import deque
from collections.abc import AsyncIterator

from aijobs.adapters.media.image_size import HEAD_BYTES, image_size
from aijobs.adapters.media.sniffing import SNIFF_BYTES, Media, sniffed


class PeekedStream:
    """Iterates over all of `chunks`, including those that `media` has read ahead."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._seen: deque[bytes] = deque()
        self.head = bytearray()  #: the first HEAD_BYTES, as far as they have been read

    async def media(self) -> tuple[Media, bytes]:
        """The detected media type and the head it was detected from; reads the head ahead."""
        size = 0
        async for chunk in self._chunks:
            self._seen.append(chunk)
            size += len(chunk)
            if size >= SNIFF_BYTES:
                break
        head = b"".join(self._seen)[:SNIFF_BYTES]
        return sniffed(head, complete=size < SNIFF_BYTES), head

    def measure(self) -> tuple[int, int] | None:
        """Width and height, when this is a picture whose header has been read."""
        return image_size(bytes(self.head))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = self._seen.popleft() if self._seen else await anext(self._chunks)
        if len(self.head) < HEAD_BYTES:
            self.head += chunk[: HEAD_BYTES - len(self.head)]
        return chunk
