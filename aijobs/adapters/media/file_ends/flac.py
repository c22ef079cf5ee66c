"""The end of a FLAC file: its header names the samples, each frame its place, and a frame ends with a checksum.

Source: RFC 9639.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from aijobs.adapters.media.file_ends.chunk_parser import Skip, Take, Walk

_STREAMINFO: Final = 0
_STREAMINFO_BYTES: Final = 34
_IS_LAST: Final = 0x80
_LONGEST_HEADER: Final = 16
_LONGEST_FRAME: Final = 16 << 20
_SYNC: Final = b"\xff\xf8", b"\xff\xf9"


def flac() -> Walk:
    yield Take(4)
    samples = 0
    block = b"\0"
    while not block[0] & _IS_LAST:
        block = yield Take(4)
        size = int.from_bytes(block[1:], "big")
        if block[0] & ~_IS_LAST == _STREAMINFO and size >= _STREAMINFO_BYTES:
            content = yield Take(_STREAMINFO_BYTES)
            samples = int.from_bytes(content[13:18], "big") & (1 << 36) - 1
            size -= _STREAMINFO_BYTES
        yield Skip(size)
    if samples:  # else it was streamed while it was made
        yield _Frames(samples)


class _Frame(NamedTuple):
    number: int  #: of the frame, or of its first sample when `has_sample_number`
    has_sample_number: bool
    samples: int


@dataclass
class _Frames:
    """Skip to the end of the frame with the last sample. A file whose frames do not follow one another is irregular."""

    total: int
    _content: bytearray = field(default_factory=bytearray)  #: from the newest frame on
    _searched: int = 0
    _frames: int = 0
    _samples: int = 0

    def taken_from(self, buffer: bytearray) -> bytes | None:
        self._content += buffer
        buffer.clear()
        while self._samples < self.total and (at := self._next_sync()) is not None:
            frame = _frame(self._content[at : at + _LONGEST_HEADER])
            if frame is None and len(self._content) < at + _LONGEST_HEADER:
                break  # the rest of this header may be still to come
            if frame is None or not self._follows(frame):
                if self._frames == 0:
                    return b""
                self._searched = at + 1
                continue
            self._frames += 1
            self._samples += frame.samples
            del self._content[:at]
            self._searched = 1
        return b"" if len(self._content) > _LONGEST_FRAME else None

    @property
    def may_end(self) -> bool:
        return self._samples >= self.total and _has_checksum(self._content)

    def _next_sync(self) -> int | None:
        found = [at for sync in _SYNC if (at := self._content.find(sync, self._searched)) >= 0]
        if not found:
            self._searched = max(len(self._content) - 1, self._searched)
            return None
        return min(found)

    def _follows(self, frame: _Frame) -> bool:
        return frame.number == (self._samples if frame.has_sample_number else self._frames)


def _frame(header: bytes | bytearray) -> _Frame | None:
    """None when these bytes do not begin a frame."""
    if len(header) < 6 or header[3] & 1:
        return None
    size_code, rate_code = header[2] >> 4, header[2] & 15
    number_bytes = max(8 - (header[4] ^ 0xFF).bit_length(), 1)
    at = 4 + number_bytes
    size_bytes = {6: 1, 7: 2}.get(size_code, 0)
    end = at + size_bytes + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if size_code == 0 or rate_code == 15 or len(header) <= end or _crc(header[: end + 1], _CRC_8, bits=8):
        return None
    number = header[4] & (0x7F if number_bytes == 1 else (1 << 7 - number_bytes) - 1)
    for byte in header[5:at]:
        number = number << 6 | byte & 0x3F
    written = int.from_bytes(header[at : at + size_bytes], "big") + 1
    return _Frame(number, bool(header[1] & 1), _block_size(size_code, written))


def _block_size(code: int, written: int) -> int:
    match code:
        case 1:
            return 192
        case 6 | 7:
            return written
        case 2 | 3 | 4 | 5:
            return 576 << code - 2
        case _:
            return 256 << code - 8


def _table(polynomial: int, *, bits: int) -> Sequence[int]:
    table = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> bits - 1 else 0)
            value &= (1 << bits) - 1
        table.append(value)
    return table


_CRC_8: Final = _table(0x07, bits=8)
_CRC_16: Final = _table(0x8005, bits=16)


def _crc(content: bytes | bytearray, table: Sequence[int], *, bits: int) -> int:
    value = 0
    for byte in content:
        value = (value << 8 ^ table[value >> bits - 8 ^ byte]) & (1 << bits) - 1
    return value


def _has_checksum(content: bytearray) -> bool:
    """Whether a frame's checksum ends somewhere in here. Something else may follow the last frame."""
    value = 0
    for at, byte in enumerate(content):
        value = (value << 8 & 0xFFFF) ^ _CRC_16[value >> 8 ^ byte]
        if value == 0 and at >= 8:
            return True
    return False
