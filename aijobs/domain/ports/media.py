"""Looking into videos and sounds."""

from typing import Protocol

from aijobs.domain.values.media import MediaFacts


class MediaReader(Protocol):
    """Looks into stored videos and sounds, from their beginning and their end, however large they are.

    Every method raises UnreadableFile for what it cannot make out, TooBusy when too many are waiting, and what the
    store raises.
    """

    async def facts(self, key: str, *, size: int) -> MediaFacts: ...

    async def poster(self, key: str, *, size: int, side: int, square: bool = False) -> bytes:
        """The first picture of a video, in WebP, at most `side` pixels wide and high; `square` cuts off the rest."""
        ...

    async def waveform(self, key: str, *, size: int) -> bytes:
        """How loud a sound is over time, drawn in WebP. Raises UnreadableFile for what is too long to be decoded."""
        ...
