"""Whether a file is complete: formats that define their end are parsed while the bytes pass.

Nothing is decoded. Formats without a defined end, and irregular files, count as complete; data after the end is
ignored.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from aijobs.adapters.media.file_ends.audio import aac, mp3, ogg
from aijobs.adapters.media.file_ends.chunk_parser import CloseBrackets, Find, ParseStep, Skip, Take, Walk
from aijobs.adapters.media.file_ends.flac import flac
from aijobs.adapters.media.file_ends.tiff import tiff
from aijobs.adapters.media.sniffing import (
    AAC,
    AVIF,
    DOCX,
    FLAC,
    GIF,
    HEIC,
    JPEG,
    JSON,
    M4A,
    MATROSKA,
    MOV,
    MP3,
    MP4,
    OGG,
    PDF,
    PNG,
    PPTX,
    TIFF,
    WAV,
    WEBM,
    WEBP,
    XLSX,
    ZIP,
    Media,
)


class FileEnd:
    """Feed a file chunk by chunk; then `is_missing` tells whether it is truncated."""

    def __init__(self, media: Media) -> None:
        walk = _WALKS.get(media.media_type)
        self._walk: Walk | None = walk() if walk else None
        self._step: ParseStep | None = next(self._walk) if self._walk else None
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> None:
        if self._walk is None or self._step is None:
            return
        self._buffer += chunk
        while self._step is not None and (taken := self._step.taken_from(self._buffer)) is not None:
            try:
                self._step = self._walk.send(taken)
            except StopIteration:
                self._step = None

    @property
    def is_missing(self) -> bool:
        return self._step is not None and not self._step.may_end


def _png() -> Walk:
    yield Take(8)
    while True:
        head = yield Take(8)
        if not head[4:].isalpha():
            return
        yield Skip(int.from_bytes(head[:4], "big") + 4)
        if head[4:] == b"IEND":
            return


_END_OF_IMAGE: Final = 0xD9
_START_OF_SCAN: Final = 0xDA
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_AFTER_SCAN: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)


def _jpeg() -> Walk:
    yield Take(2)
    marker = yield Take(2)
    while marker[0] == 0xFF:
        if marker[1] == _END_OF_IMAGE:
            return
        if marker[1] == 0xFF:  # padding
            marker = b"\xff" + (yield Take(1))
            continue
        if marker[1] not in _WITHOUT_LENGTH:
            length = yield Take(2)
            yield Skip(max(int.from_bytes(length, "big") - 2, 0))
        if marker[1] == _START_OF_SCAN:
            marker = yield Find(_AFTER_SCAN, 2)
        else:
            marker = yield Take(2)


def _gif() -> Walk:
    head = yield Take(13)
    yield Skip(_colours(head[10]))
    while True:
        match (yield Take(1)):
            case b",":
                descriptor = yield Take(9)
                yield Skip(_colours(descriptor[8]) + 1)
            case b"!":
                yield Skip(1)
            case _:  # the trailer, or an unknown block
                return
        while (size := (yield Take(1))[0]) > 0:
            yield Skip(size)


def _colours(flags: int) -> int:
    """Bytes of a colour table, if there is one."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


#: Written by encoders that write to a pipe and do not know the size.
_UNKNOWN_RIFF_SIZE: Final = 0x7FFFF000


def _webp() -> Walk:
    head = yield Take(8)
    yield Skip(int.from_bytes(head[4:], "little"))


def _wav() -> Walk:
    """Some writers omit the padding byte that makes the size even."""
    head = yield Take(8)
    size = int.from_bytes(head[4:], "little")
    if 0 < size < _UNKNOWN_RIFF_SIZE:
        yield Skip(size - 1)


#: Top-level boxes of an ISO base media file. Another name after the essential ones is not a box.
_BOXES: Final = frozenset(
    b"ftyp styp moov mdat moof meta free skip wide uuid mfra sidx ssix emsg pdin prft idat imda udta".split()
)


def _boxes(*essential: frozenset[bytes]) -> Walk:
    """`essential`: one box of each group is required."""
    missing = set(essential)
    while True:
        head = yield Take(8, may_end=not missing)
        size, name, read = int.from_bytes(head[:4], "big"), head[4:], 8
        if name not in _BOXES and not missing:
            return
        if size == 1:
            size, read = int.from_bytes((yield Take(8)), "big"), 16
        if size < read:  # 0: the box extends to the end of the file
            return
        yield Skip(size - read)
        missing = {group for group in missing if name not in group}


def _video() -> Walk:
    """The index, and before or after it the media data."""
    return _boxes(frozenset({b"moov"}), frozenset({b"mdat", b"moof", b"imda"}))


def _still_image() -> Walk:
    return _boxes(frozenset({b"meta"}))


_SEGMENT: Final = bytes.fromhex("18538067")
_BEFORE_SEGMENT: Final = frozenset({bytes.fromhex("1a45dfa3"), bytes.fromhex("ec"), bytes.fromhex("bf")})


def _matroska() -> Walk:
    name = b""
    while name != _SEGMENT:
        first = yield Take(1)
        name = first + (yield Take(_more_bytes(first)))
        if name != _SEGMENT and name not in _BEFORE_SEGMENT:
            return
        first = yield Take(1)
        more = _more_bytes(first)
        written = first + (yield Take(more))
        bits = 7 * (more + 1)
        size = int.from_bytes(written, "big") & (1 << bits) - 1
        if size == (1 << bits) - 1:  # unknown size: it was streamed while it was made
            return
        yield Skip(size)


def _more_bytes(first: bytes) -> int:
    """The further bytes of an EBML number: the count of its leading zero bits."""
    return 8 - first[0].bit_length() if first[0] else 0


def _json() -> Walk:
    """An object or a list, or one on each line."""
    yield CloseBrackets()


_ZIP_END: Final = re.compile(rb"PK\x05\x06")
_PDF_END: Final = re.compile(rb"%%EOF")
_PDF_OBJECT: Final = re.compile(rb"\d \d{1,5} obj")


def _zip() -> Walk:
    """The last record ends with a comment and its length."""
    yield Find(_ZIP_END, 4)
    record = yield Take(18)
    yield Skip(int.from_bytes(record[16:], "little"))


def _pdf() -> Walk:
    """A PDF may have several sections, each with its own end."""
    while True:
        yield Find(_PDF_END, 5)
        yield Find(_PDF_OBJECT, 11, may_end=True)


_WALKS: Final[Mapping[str, Callable[[], Walk]]] = {
    media.media_type: walk
    for walk, medias in (
        (_png, (PNG,)),
        (_jpeg, (JPEG,)),
        (_gif, (GIF,)),
        (_webp, (WEBP,)),
        (tiff, (TIFF,)),
        (_wav, (WAV,)),
        (mp3, (MP3,)),
        (aac, (AAC,)),
        (ogg, (OGG,)),
        (flac, (FLAC,)),
        (_video, (MP4, MOV, M4A)),
        (_still_image, (AVIF, HEIC)),
        (_matroska, (WEBM, MATROSKA)),
        (_json, (JSON,)),
        (_zip, (ZIP, DOCX, XLSX, PPTX)),
        (_pdf, (PDF,)),
    )
    for media in medias
}
