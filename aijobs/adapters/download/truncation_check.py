"""Detects truncated files by their format, since a server may announce too small a length."""

from collections.abc import AsyncIterator
from typing import Final

from aijobs.adapters.media.file_ends.file_end import FileEnd
from aijobs.adapters.media.sniffing import JSON, TEXT, Media, sniffed
from aijobs.domain.errors import DownloadInterrupted
from aijobs.domain.jobs.outputs import OutputKind

CUT_OFF: Final = "The output is cut off: its format says that there is more of it."


class WholeFile:
    """The chunks of a file of this kind. Raises DownloadInterrupted at their end when the file has not ended."""

    def __init__(self, chunks: AsyncIterator[bytes], media: Media) -> None:
        self._chunks = chunks
        self._end = FileEnd(media)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            if self._end.is_missing:
                raise DownloadInterrupted(CUT_OFF) from None
            raise
        self._end.feed(chunk)
        return chunk


def refuse_half_of_json(media: Media, head: bytes, *, expect: OutputKind) -> None:
    """Raises DownloadInterrupted for truncated JSON that was detected as text."""
    if expect is not OutputKind.JSON or media != TEXT or sniffed(head, complete=False) != JSON:
        return
    end = FileEnd(JSON)
    end.feed(head)
    if end.is_missing:
        raise DownloadInterrupted(CUT_OFF)
