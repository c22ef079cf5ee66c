"""The beginning of a stream: looked at first, and still part of the stream."""

from collections import deque
from collections.abc import AsyncIterator

from aijobs.adapters.media.image_size import HEAD_BYTES, image_size
from aijobs.adapters.media.sniffing import SNIFF_BYTES, Media, sniffed


class PeekedStream:
    """Iterates over `chunks`, all of them, although `media` has seen the first ones before."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._seen: deque[bytes] = deque()
        self.head = bytearray()  #: the first HEAD_BYTES, as far as they have passed

    async def media(self) -> tuple[Media, bytes]:
        """What this is, and the beginning that tells it, which is read ahead."""
        size = 0
        async for chunk in self._chunks:
            self._seen.append(chunk)
            size += len(chunk)
            if size >= SNIFF_BYTES:
                break
        head = b"".join(self._seen)[:SNIFF_BYTES]
        return sniffed(head, complete=size < SNIFF_BYTES), head

    def measure(self) -> tuple[int, int] | None:
        """Width and height, when this is a picture whose header has passed."""
        return image_size(bytes(self.head))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = self._seen.popleft() if self._seen else await anext(self._chunks)
        if len(self.head) < HEAD_BYTES:
            self.head += chunk[: HEAD_BYTES - len(self.head)]
        return chunk
