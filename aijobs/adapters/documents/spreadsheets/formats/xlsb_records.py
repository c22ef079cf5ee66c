"""Records of binary workbooks: numbered, with a length ([MS-XLSB] 2.1.4)."""

import struct
from collections.abc import Iterator
from typing import IO, Final

from aijobs.domain.errors import UnreadableFile

MAX_RECORD_BYTES: Final = 16 * 1024**2


def records(content: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Each record's number and its content. Raises UnreadableFile where one is cut off."""
    while (number := _number(content, most=2)) is not None:
        size = _number(content, most=4)
        if size is None or size > MAX_RECORD_BYTES or len(body := content.read(size)) < size:
            raise UnreadableFile("The workbook is damaged: a record is cut off.")
        yield number, body


def wide_text(body: bytes, offset: int) -> str:
    """A text with its length in front (XLWideString, 2.5.169); empty for a null one."""
    (length,) = struct.unpack_from("<I", body, offset)
    if length == 0xFFFFFFFF:
        return ""
    raw = body[offset + 4 : offset + 4 + 2 * length]
    if len(raw) < 2 * length:
        raise UnreadableFile("The workbook is damaged: a text is cut off.")
    return raw.decode("utf-16-le", "replace")


def packed_number(packed: int) -> float:
    """30 bits: a whole number or the upper part of a float, perhaps times 100 (RkNumber, 2.5.123)."""
    if packed & 2:
        value: float = struct.unpack("<i", struct.pack("<I", packed))[0] >> 2
    else:
        (value,) = struct.unpack("<d", b"\0\0\0\0" + struct.pack("<I", packed & 0xFFFFFFFC))
    return value / 100 if packed & 1 else value


def _number(content: IO[bytes], *, most: int) -> int | None:
    """Seven bits a byte, the lowest first, in at most `most` bytes; None at the end of the file."""
    number = 0
    for place in range(most):
        byte = content.read(1)
        if not byte:
            return None
        number |= (byte[0] & 0x7F) << 7 * place
        if not byte[0] & 0x80:
            break
    return number
