"""Pictures of others: how they come to us, and what is known of one that was looked into."""

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PictureContent = Path | bytes | AsyncIterable[bytes]
"""A file, or what a store gives chunk by chunk."""


#: Of the pictures that are taken, by their media types.
EXTENSION_OF: Final[Mapping[str, str]] = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/tiff": "tiff",
    "image/avif": "avif",
}


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
