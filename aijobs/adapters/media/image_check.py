"""Whether an uploaded picture really is one: decodable, whole, and not too large to work with."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image

from aijobs.adapters.media.sniffing import AVIF, GIF, HEIC, JPEG, PNG, SNIFF_BYTES, TIFF, WEBP, sniffed
from aijobs.domain.errors import FileTooLarge, UnreadableFile

MAX_PIXELS: Final = 89_000_000  #: just below where Pillow itself begins to warn of bombs

#: which of Pillow's decoders may touch which file
DECODERS: Final = {PNG: "PNG", JPEG: "JPEG", GIF: "GIF", WEBP: "WEBP", TIFF: "TIFF", AVIF: "AVIF"}

#: everything that Pillow's decoders raise for broken files
_COMPLAINTS: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    RuntimeError,
    struct.error,
)


@dataclass(frozen=True)
class ImageFacts:
    """`width` and `height` in pixels, as stored."""

    media_type: str
    width: int
    height: int


def check_image(picture: Path | bytes) -> ImageFacts:
    """Decodes the whole picture; blocks, so call it in a thread. Raises UnreadableFile and FileTooLarge."""
    head = picture[:SNIFF_BYTES] if isinstance(picture, bytes) else _head_of(picture)
    media = sniffed(head, complete=len(head) < SNIFF_BYTES)
    if media == HEIC:
        raise UnreadableFile("Pictures in HEIC cannot be read here. Send it as JPEG, PNG, WebP or AVIF.")
    if media not in DECODERS:
        raise UnreadableFile("This is not a picture in a format that we read: JPEG, PNG, WebP, GIF, TIFF or AVIF.")
    with complaints_translated():
        width, height = _decoded(picture, DECODERS[media])
    return ImageFacts(media.media_type, width, height)


def _head_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SNIFF_BYTES)


def _decoded(picture: Path | bytes, decoder: str) -> tuple[int, int]:
    with Image.open(BytesIO(picture) if isinstance(picture, bytes) else picture, formats=[decoder]) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise FileTooLarge(_too_large(width, height))
        # JPEG can be decoded at an eighth of its size: that reads all of the file for a fraction of the memory.
        image.draft(None, (max(1, width // 8), max(1, height // 8)))
        image.load()
    return width, height


def _too_large(width: int, height: int) -> str:
    return f"The picture has {width} × {height} pixels; {MAX_PIXELS:,} is the most that we take."


@contextmanager
def complaints_translated() -> Iterator[None]:
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise FileTooLarge(f"The picture has more than {MAX_PIXELS:,} pixels, the most that we take.") from bomb
    except _COMPLAINTS as broken:
        raise UnreadableFile("The picture is damaged or incomplete.") from broken
