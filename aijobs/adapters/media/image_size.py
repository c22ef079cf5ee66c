"""Width and height of a picture, from its header alone.

Pillow needs the whole file for some formats and refuses very large pictures, such as upscaled outputs.
"""

import struct
from collections.abc import Callable
from typing import Final

from aijobs.adapters.media.sniffing import AVIF, GIF, HEIC, JPEG, PNG, WEBP, Media, sniffed

HEAD_BYTES: Final = 256 * 1024  #: the size may come after a colour profile and a preview

#: JPEG's frame headers (SOF), without DHT, JPG and DAC, which are in the same range
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})


def image_size(head: bytes) -> tuple[int, int] | None:
    """Pixels as stored, before any rotation. None when the head does not contain it, or for an unknown format."""
    measure = _MEASURES.get(sniffed(head, complete=False))
    if measure is None:
        return None
    try:
        return measure(head)
    except (struct.error, IndexError):  # the head ends too early
        return None


def _png(head: bytes) -> tuple[int, int] | None:
    width, height = struct.unpack_from(">II", head, 16)
    return (width, height) if head[12:16] == b"IHDR" else None


def _gif(head: bytes) -> tuple[int, int] | None:
    width, height = struct.unpack_from("<HH", head, 6)
    return width, height


def _jpeg(head: bytes) -> tuple[int, int] | None:
    offset = 2
    while head[offset] == 0xFF:
        marker = head[offset + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", head, offset + 5)
            return width, height
        if marker == 0xFF:  # padding
            offset += 1
        elif marker in _WITHOUT_LENGTH:
            offset += 2
        else:
            offset += 2 + struct.unpack_from(">H", head, offset + 2)[0]
    return None


def _webp(head: bytes) -> tuple[int, int] | None:
    match head[12:16]:
        case b"VP8X":
            return _int24(head, 24) + 1, _int24(head, 27) + 1
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", head, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", head, 26)
            return width & 0x3FFF, height & 0x3FFF
    return None


def _int24(head: bytes, offset: int) -> int:
    low, middle, high = head[offset], head[offset + 1], head[offset + 2]
    return low | middle << 8 | high << 16


def _heif(head: bytes) -> tuple[int, int] | None:
    """The largest `ispe` property: others belong to thumbnails, tiles and alpha."""
    sizes, offset = [], head.find(b"ispe")
    while offset >= 0:
        width, height = struct.unpack_from(">II", head, offset + 8)
        sizes.append((width, height))
        offset = head.find(b"ispe", offset + 4)
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


_MEASURES: Final[dict[Media, Callable[[bytes], tuple[int, int] | None]]] = {
    PNG: _png,
    GIF: _gif,
    JPEG: _jpeg,
    WEBP: _webp,
    AVIF: _heif,
    HEIC: _heif,
}
