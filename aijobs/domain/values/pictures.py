"""Pictures of others: how they come to us, and what is known of one that was looked into."""

from collections.abc import AsyncIterable
from dataclasses import dataclass
from pathlib import Path

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
