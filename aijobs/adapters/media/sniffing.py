"""Detects a file's media type from its first bytes, never from its name or headers.

A list of known formats: any other file is "other". SVG and HTML are detected so that they never count as a picture
or a document.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Final

from aijobs.domain.jobs.outputs import OutputKind

SNIFF_BYTES: Final = 64 * 1024  #: the names inside an office file are further down than most signatures
WORDS_BYTES: Final = 64  #: within which every binary format has a byte that no text has


@dataclass(frozen=True)
class Media:
    """`extension` without a dot."""

    media_type: str
    extension: str
    kind: OutputKind


PNG: Final = Media("image/png", "png", OutputKind.IMAGE)
JPEG: Final = Media("image/jpeg", "jpg", OutputKind.IMAGE)
GIF: Final = Media("image/gif", "gif", OutputKind.IMAGE)
WEBP: Final = Media("image/webp", "webp", OutputKind.IMAGE)
TIFF: Final = Media("image/tiff", "tiff", OutputKind.IMAGE)
AVIF: Final = Media("image/avif", "avif", OutputKind.IMAGE)
HEIC: Final = Media("image/heic", "heic", OutputKind.IMAGE)
MP4: Final = Media("video/mp4", "mp4", OutputKind.VIDEO)
MOV: Final = Media("video/quicktime", "mov", OutputKind.VIDEO)
WEBM: Final = Media("video/webm", "webm", OutputKind.VIDEO)
MATROSKA: Final = Media("video/x-matroska", "mkv", OutputKind.VIDEO)
M4A: Final = Media("audio/mp4", "m4a", OutputKind.AUDIO)
MP3: Final = Media("audio/mpeg", "mp3", OutputKind.AUDIO)
AAC: Final = Media("audio/aac", "aac", OutputKind.AUDIO)
WAV: Final = Media("audio/wav", "wav", OutputKind.AUDIO)
FLAC: Final = Media("audio/flac", "flac", OutputKind.AUDIO)
OGG: Final = Media("audio/ogg", "ogg", OutputKind.AUDIO)
PDF: Final = Media("application/pdf", "pdf", OutputKind.DOCUMENT)
DOCX: Final = Media(
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx", OutputKind.DOCUMENT
)
XLSX: Final = Media("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx", OutputKind.DOCUMENT)
PPTX: Final = Media(
    "application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx", OutputKind.DOCUMENT
)
ZIP: Final = Media("application/zip", "zip", OutputKind.OTHER)
JSON: Final = Media("application/json", "json", OutputKind.JSON)
TEXT: Final = Media("text/plain", "txt", OutputKind.TEXT)
HTML: Final = Media("text/html", "html", OutputKind.OTHER)
SVG: Final = Media("image/svg+xml", "svg", OutputKind.OTHER)
XML: Final = Media("application/xml", "xml", OutputKind.OTHER)
UNKNOWN: Final = Media("application/octet-stream", "bin", OutputKind.OTHER)

PICTURES: Final = (PNG, JPEG, GIF, WEBP, TIFF, AVIF, HEIC)  #: accepted in uploads

_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"II+\x00", TIFF),  # BigTIFF
    (b"MM\x00+", TIFF),
    (b"fLaC", FLAC),
    (b"OggS", OGG),
    (b"ID3", MP3),
    (b"%PDF-", PDF),
)

#: ISO base media files name their brand after `ftyp`
_BRANDS: Final = {
    b"avif": AVIF,
    b"avis": AVIF,
    b"heic": HEIC,
    b"heix": HEIC,
    b"heim": HEIC,
    b"heis": HEIC,
    b"hevc": HEIC,
    b"hevx": HEIC,
    b"M4A ": M4A,
    b"M4B ": M4A,
    b"qt  ": MOV,
}

_HTML_START = re.compile(rb"<(?:!doctype\s+html|html|head|body|script|title|meta|h1|iframe)[\s>]", re.IGNORECASE)
_SVG_START = re.compile(rb"<(?:!doctype\s+svg|svg)[\s>/]", re.IGNORECASE)
_PROLOGUE = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s|<\?xml.*?\?>|<!--.*?-->)*", re.DOTALL | re.IGNORECASE)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def sniffed(head: bytes, *, complete: bool) -> Media:
    """`head` is up to SNIFF_BYTES; `complete` tells that it is the whole file."""
    media = _by_signature(head)
    if media is None or (media != PDF and _is_words(head)):
        return _textual(head, complete=complete)
    return media


def _by_signature(head: bytes) -> Media | None:
    by_start = (media for signature, media in _SIGNATURES if head.startswith(signature))
    by_structure = (detect(head) for detect in (_riff, _iso_media, _matroska, _zip, _mpeg_audio))
    return next((media for media in chain(by_start, by_structure) if media is not None), None)


def _is_words(head: bytes) -> bool:
    """Some signatures are letters, and so begin texts too: "ID3 is a tag", "The ftyp box", "GIF89a or PNG?"."""
    return head[:1].isascii() and _is_text(head[:WORDS_BYTES], complete=False)


def _riff(head: bytes) -> Media | None:
    if head[:4] != b"RIFF":
        return None
    return {b"WEBP": WEBP, b"WAVE": WAV}.get(head[8:12])


def _iso_media(head: bytes) -> Media | None:
    if head[4:8] != b"ftyp":
        return None
    size = int.from_bytes(head[:4], "big")
    compatible = head[16 : min(size, 256)]
    brands = [head[8:12], *(compatible[at : at + 4] for at in range(0, len(compatible), 4))]
    if brands[0] in {b"mif1", b"msf1"}:  # a picture; its format is among the compatible brands
        return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), HEIC)
    return _BRANDS.get(brands[0], MP4)


def _matroska(head: bytes) -> Media | None:
    if not head.startswith(b"\x1aE\xdf\xa3"):
        return None
    return WEBM if b"webm" in head[:64] else MATROSKA


def _zip(head: bytes) -> Media | None:
    if not head.startswith(b"PK\x03\x04"):
        return None
    if b"[Content_Types].xml" in head:
        for folder, media in ((b"word/", DOCX), (b"xl/", XLSX), (b"ppt/", PPTX)):
            if folder in head:
                return media
    return ZIP


def _mpeg_audio(head: bytes) -> Media | None:
    """Without a tag, the signature is only eleven set bits; so the fields after them are checked as well."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, sample_rate = head[2] >> 4, head[2] >> 2 & 3
    if layer == 0:
        return AAC if head[1] & 0xF6 == 0xF0 else None
    return MP3 if version != 1 and bit_rate not in {0, 15} and sample_rate != 3 else None


def _textual(head: bytes, *, complete: bool) -> Media:
    if not head or not _is_text(head, complete=complete):
        return UNKNOWN
    prologue = _PROLOGUE.match(head)
    content = head[prologue.end() :] if prologue else head
    recognised: tuple[tuple[Callable[[bytes], object], Media], ...] = (
        (_HTML_START.match, HTML),
        (_SVG_START.match, SVG),
        (lambda _: head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml"), XML),
        (lambda text: _is_json(text, complete=complete), JSON),
    )
    return next((media for detect, media in recognised if detect(content)), TEXT)


def _is_text(head: bytes, *, complete: bool) -> bool:
    """UTF-8 without control characters; the last character may be cut where the head ends."""
    if _CONTROLS.search(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as undecodable:
        return not complete and undecodable.start >= len(head) - 3
    return True


def _is_json(text: bytes, *, complete: bool) -> bool:
    """An object or a list. Of an incomplete file only the first characters are checked."""
    if not text.startswith((b"{", b"[")):
        return False
    if not complete:
        return re.match(rb'\{\s*["}]|\[\s*["\d\[{tfn\]-]', text) is not None
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
