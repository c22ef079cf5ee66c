"""Checks of office files, which are zip archives, before a parser opens them.

Limits after OWASP's File Upload Cheat Sheet. Ordinary office files unpack to about ten times their size.
"""

import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Final

from aijobs.adapters.documents.archives.office_package import OfficePackage, folded_name
from aijobs.domain.documents.formats import DocumentKind
from aijobs.domain.errors import FileTooLarge, UnreadableFile

MAX_ENTRIES: Final = 2000
MAX_UNPACKED_BYTES: Final = 200 * 1024 * 1024
MAX_RATIO: Final = 100
RATIO_FREE_BYTES: Final = 1024 * 1024  #: a part up to this size may have any ratio
CHUNK_BYTES: Final = 64 * 1024
HEAD_BYTES: Final = 4096

_ENCRYPTED: Final = 0x1
_LOCAL_HEADER_BYTES: Final = 30
_PACKED: Final = frozenset({".zip", ".gz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".jar"})
_XML: Final = frozenset({".xml", ".rels", ".vml"})  #: only these are parsed; pictures and printer settings are not
_ENTITIES: Final = (b"<!DOCTYPE", b"<!ENTITY")

#: By a word in the content type of the main part (ECMA-376, part 1, 15.2), also of templates and of the Strict variant.
_KIND_BY_TYPE: Final = {
    "wordprocessingml": DocumentKind.WORD,
    "spreadsheetml": DocumentKind.EXCEL,
    "excel.sheet.binary": DocumentKind.EXCEL_BINARY,
    "presentationml": DocumentKind.POWERPOINT,
}
#: For packages that do not say what their parts are.
_KIND_BY_PART: Final = {
    "xl/workbook.xml": DocumentKind.EXCEL,
    "xl/workbook.bin": DocumentKind.EXCEL_BINARY,
    "word/document.xml": DocumentKind.WORD,
    "ppt/presentation.xml": DocumentKind.POWERPOINT,
}
#: By the part `mimetype` (OpenDocument 1.3, part 2, 3.3), templates too.
_KIND_BY_MIMETYPE: Final = {
    "application/vnd.oasis.opendocument.spreadsheet": DocumentKind.OPENDOCUMENT_SHEET,
    "application/vnd.oasis.opendocument.text": DocumentKind.OPENDOCUMENT,
}


def kind_of_archive(path: Path) -> DocumentKind | None:
    """Which office document it is, None for another archive.

    Raises FileTooLarge for bombs, UnreadableFile for what is damaged, encrypted, has macros or reaches outside.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            _check_names([part.filename.replace("\\", "/") for part in parts])
            _check_sizes(parts)
            for part in parts:
                _check_part(file, part)
    except (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, OSError, ValueError) as broken:
        raise UnreadableFile("The file is damaged: it is no whole archive.") from broken
    with OfficePackage.opened(path) as package:
        return _kind_of_package(package)


def _kind_of_package(package: OfficePackage) -> DocumentKind | None:
    """By what the package says of itself; names of parts are free. Raises UnreadableFile for macros and encryption."""
    mimetype = package.content("mimetype")
    if mimetype is not None:
        if b"encryption-data" in (package.content("META-INF/manifest.xml") or b""):
            raise UnreadableFile("The file is encrypted. Save it without a password.")
        return _KIND_BY_MIMETYPE.get(mimetype.decode("ascii", "replace").strip().removesuffix("-template"))
    types = (package.content("[Content_Types].xml") or b"").replace(b"sheet.binary.macroEnabled", b"")
    if b"macroenabled" in types.lower() or b"vnd.ms-office.vbaproject" in types.lower():
        raise UnreadableFile("The file has macros. Save it without them.")
    main = package.find_main_part()
    declared = package.content_type(main) if main else ""
    by_type = next((kind for word, kind in _KIND_BY_TYPE.items() if word in declared), None)
    return by_type or next((kind for name, kind in _KIND_BY_PART.items() if package.has(name)), None)


def _check_names(names: Sequence[str]) -> None:
    if len(names) > MAX_ENTRIES:
        raise FileTooLarge(f"The file has {len(names):,} parts inside; {MAX_ENTRIES:,} is the most that we take.")
    if len(set(map(folded_name, names))) < len(names):
        raise UnreadableFile("The file is damaged: it has two parts of the same name inside.")
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or ":" in name:
            raise UnreadableFile("The file has a part inside whose name leads out of it.")
        if path.name.lower() == "vbaproject.bin":
            raise UnreadableFile("The file has macros. Save it without them.")
        if path.suffix.lower() in _PACKED:
            raise UnreadableFile("The file has another archive inside.")


def _check_sizes(parts: Sequence[zipfile.ZipInfo]) -> None:
    if sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        raise FileTooLarge(f"The file unpacks to more than {MAX_UNPACKED_BYTES // 1024**2} MiB.")
    for part in parts:
        if part.file_size > max(RATIO_FREE_BYTES, MAX_RATIO * part.compress_size):
            raise FileTooLarge(f"The file unpacks to more than {MAX_RATIO} times its size.")


def _check_part(file: IO[bytes], part: zipfile.ZipInfo) -> None:
    if part.flag_bits & _ENCRYPTED:
        raise UnreadableFile("The file is encrypted. Save it without a password.")
    size, head = _unpacked(file, part)
    if size != part.file_size:
        raise UnreadableFile("The file is damaged: a part inside has another size than it says.")
    is_xml = PurePosixPath(part.filename.replace("\\", "/")).suffix.lower() in _XML
    if is_xml and any(word in head.replace(b"\0", b"") for word in _ENTITIES):  # without zeros UTF-16 reads like UTF-8
        raise UnreadableFile("The file defines entities of its own, as no office program does.")


def _unpacked(file: IO[bytes], part: zipfile.ZipInfo) -> tuple[int, bytes]:
    """The real size of a part, measured by unpacking it, and its first bytes."""
    file.seek(part.header_offset)
    name_length, extra_length = struct.unpack("<HH", file.read(_LOCAL_HEADER_BYTES)[26:30])
    file.seek(name_length + extra_length, 1)
    if part.compress_type == zipfile.ZIP_STORED:
        return part.compress_size, file.read(min(part.compress_size, HEAD_BYTES))
    if part.compress_type != zipfile.ZIP_DEFLATED:
        raise UnreadableFile("The file is packed in a way that no office program uses.")
    inflater, left, size, head = zlib.decompressobj(-zlib.MAX_WBITS), part.compress_size, 0, b""
    while left > 0 and not inflater.eof and (packed := file.read(min(left, CHUNK_BYTES))):
        left -= len(packed)
        while packed and size <= part.file_size:
            piece = inflater.decompress(packed, CHUNK_BYTES)
            packed = inflater.unconsumed_tail
            size, head = size + len(piece), head if len(head) >= HEAD_BYTES else head + piece[:HEAD_BYTES]
    return size, head
