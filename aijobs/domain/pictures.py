"""Pictures of others: what is known of one, and who looks into it without any danger to us."""

from collections.abc import AsyncIterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aijobs.domain.photos import Measurements

PictureContent = Path | bytes | AsyncIterable[bytes]
"""A file, or what a store gives chunk by chunk."""


@dataclass(frozen=True)
class ImageFacts:
    """`width` and `height` in pixels, as stored."""

    media_type: str
    width: int
    height: int


@dataclass(frozen=True)
class CleanPhoto:
    """A JPEG. `width` and `height` in pixels, upright."""

    content: bytes
    width: int
    height: int


class PhotoMeasurer(Protocol):
    """Measures photos. Every method raises UnreadableFile, FileTooLarge, and TooBusy when too many are waiting."""

    async def measure(self, photo: PictureContent) -> Measurements: ...

    async def copy_to_show(self, photo: PictureContent) -> bytes:
        """The JPEG that a language model is shown: upright, small, and without anything but its pixels."""
        ...


class Pictures(PhotoMeasurer, Protocol):
    """Looks into all pictures that come from outside. Raises the same."""

    async def check(self, picture: PictureContent) -> ImageFacts:
        """Decodes all of it."""
        ...

    async def clean(self, photo: PictureContent) -> CleanPhoto:
        """A still photo in JPEG, PNG or WebP, encoded anew without any metadata."""
        ...

    async def thumbnail(self, picture: PictureContent, side: int, *, square: bool = False) -> bytes:
        """In WebP, at most `side` pixels wide and high; `square` cuts off what is too long."""
        ...
