"""Removes large metadata from a PNG: texts and colour profiles, which may unpack to gigabytes.

Pillow refuses a picture with a profile or text of more than 1 MiB. Neither is needed for the pixels.
"""

import struct
import zlib
from io import BytesIO
from typing import IO, Final

SIGNATURE_BYTES: Final = 8
MAX_TEXT_BYTES: Final = 256 * 1024  #: of one text, unpacked: enough for Exif and XMP, where an orientation may be
MAX_TEXTS: Final = 64
MAX_PROFILE_BYTES: Final = 16 * 1024 * 1024  #: as much as a JPEG can hold

_HEADER: Final = struct.Struct(">I4s")
_CRC_BYTES: Final = 4
_TEXTS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt"})


def without_large_metadata(png: IO[bytes]) -> tuple[BytesIO, bytes | None]:
    """The picture without its profile and its large texts, and the profile, if it can be unpacked within the limit."""
    output, profile, texts = BytesIO(png.read(SIGNATURE_BYTES)), None, 0
    output.seek(0, 2)
    while len(header := png.read(_HEADER.size)) == _HEADER.size:
        length, name = _HEADER.unpack(header)
        body = png.read(length + _CRC_BYTES)
        if name == b"iCCP":
            profile = profile or _unpacked(body[:-_CRC_BYTES].partition(b"\0")[2][1:], MAX_PROFILE_BYTES)
            continue
        if name in _TEXTS:
            texts += 1
            if texts > MAX_TEXTS or not _is_small(name, body[:-_CRC_BYTES]):
                continue
        output.write(header)
        output.write(body)
        if name == b"IEND":
            break
    else:
        output.write(header)
    output.seek(0)
    return output, profile


def _is_small(name: bytes, text: bytes) -> bool:
    if len(text) > MAX_TEXT_BYTES:
        return False
    value = text.partition(b"\0")[2]
    if name == b"zTXt":
        return value[:1] == b"\0" and _unpacked(value[1:], MAX_TEXT_BYTES) is not None
    if name == b"iTXt" and value[:1] not in {b"", b"\0"}:
        packed = value[2:].partition(b"\0")[2].partition(b"\0")[2]
        return _unpacked(packed, MAX_TEXT_BYTES) is not None
    return True


def _unpacked(packed: bytes, max_bytes: int) -> bytes | None:
    """None when it is damaged or longer than `max_bytes`."""
    inflater = zlib.decompressobj()
    try:
        unpacked = inflater.decompress(packed, max_bytes)
    except zlib.error:
        return None
    return unpacked if inflater.eof and unpacked else None
