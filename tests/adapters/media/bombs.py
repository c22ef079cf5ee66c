"""Malicious pictures: small files that need much memory or time, or are not what they seem."""

import io
import struct
import zlib
from functools import cache
from typing import Any, Final

from PIL import Image, ImageCms

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
PROFILE_HEADER_BYTES: Final = 128


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_chunks(png: bytes, *chunks: bytes) -> bytes:
    """Behind the header, before the pixels."""
    at = len(SIGNATURE) + 25
    return png[:at] + b"".join(chunks) + png[at:]


@cache
def one_colour(side: int, mode: str = "RGB") -> bytes:
    return encoded(Image.new(mode, (side, side), "red"))


def sixteen_bit_rgba(width: int, height: int) -> bytes:
    """Eight bytes a pixel, all zero."""
    rows = zlib.compressobj(9)
    row = bytes(1 + 8 * width)
    packed = b"".join([*(rows.compress(row) for _ in range(height)), rows.flush()])
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0))
    return SIGNATURE + header + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def srgb_profile(size: int = 0) -> bytes:
    """A valid profile; with a `size`, padded with unreferenced bytes."""
    return padded(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), size)


def padded(profile: bytes, size: int) -> bytes:
    profile += bytes(max(0, size - len(profile)))
    return struct.pack(">I", len(profile)) + profile[4:]


def profile_chunk(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"profile\0\0" + zlib.compress(profile))


def text_chunk(size: int) -> bytes:
    return chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(size)))


def long_gif(frames: int) -> bytes:
    """A GIF with many frames of one pixel each."""
    start = b"GIF89a" + struct.pack("<HHBBB", 64, 48, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return start + frame * frames + b"\x3b"


def with_second_picture(photo: Image.Image, second: Image.Image, **options: Any) -> bytes:
    """As phones write it: a JPEG that names another one behind it (CIPA DC-007)."""
    return encoded(photo, "MPO", save_all=True, append_images=[second], **options)


def moving_webp() -> bytes:
    pictures = [Image.new("RGB", (64, 48), colour) for colour in ("red", "green", "blue")]
    return encoded(pictures[0], "WEBP", save_all=True, append_images=pictures[1:])
