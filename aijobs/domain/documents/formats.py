"""Documents that are handed in: which kinds we read, and what reading one gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Final

from aijobs.domain.documents.page_words import PageWords
from aijobs.domain.errors import UnreadableFile


class DocumentKind(StrEnum):
    """A kind of document, called by the usual extension of its name. A scan or photo of a document is a PICTURE."""

    TEXT = "txt"
    MARKDOWN = "md"
    CSV = "csv"
    TSV = "tsv"
    EXCEL = "xlsx"
    EXCEL_BINARY = "xlsb"
    EXCEL_97 = "xls"
    OPENDOCUMENT_SHEET = "ods"
    WORD = "docx"
    PDF = "pdf"
    POWERPOINT = "pptx"
    HTML = "html"
    EMAIL = "eml"
    OUTLOOK = "msg"
    RTF = "rtf"
    OPENDOCUMENT = "odt"
    PICTURE = "picture"

    @property
    def media_type(self) -> str:
        return MEDIA_TYPE_OF[self]

    @property
    def is_workbook(self) -> bool:
        """Rows and columns by nature, in sheets."""
        return self in WORKBOOKS

    @property
    def may_be_table(self) -> bool:
        """A workbook, or a text whose lines may be the rows of a table."""
        return self in WORKBOOKS or self in {DocumentKind.CSV, DocumentKind.TSV}


WORKBOOKS: Final = frozenset(
    {DocumentKind.EXCEL, DocumentKind.EXCEL_BINARY, DocumentKind.EXCEL_97, DocumentKind.OPENDOCUMENT_SHEET}
)


#: Of every kind but PICTURE, which has several: all that begin with `image/`.
MEDIA_TYPE_OF: Final[Mapping[DocumentKind, str]] = MappingProxyType(
    {
        DocumentKind.TEXT: "text/plain",
        DocumentKind.MARKDOWN: "text/markdown",
        DocumentKind.CSV: "text/csv",
        DocumentKind.TSV: "text/tab-separated-values",
        DocumentKind.EXCEL: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        DocumentKind.EXCEL_BINARY: "application/vnd.ms-excel.sheet.binary.macroenabled.12",
        DocumentKind.EXCEL_97: "application/vnd.ms-excel",
        DocumentKind.OPENDOCUMENT_SHEET: "application/vnd.oasis.opendocument.spreadsheet",
        DocumentKind.WORD: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        DocumentKind.PDF: "application/pdf",
        DocumentKind.POWERPOINT: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        DocumentKind.HTML: "text/html",
        DocumentKind.EMAIL: "message/rfc822",
        DocumentKind.OUTLOOK: "application/vnd.ms-outlook",
        DocumentKind.RTF: "application/rtf",
        DocumentKind.OPENDOCUMENT: "application/vnd.oasis.opendocument.text",
    }
)

_PICTURE_EXTENSIONS: Final = ("jpg", "jpeg", "png", "webp", "gif", "tif", "tiff", "avif", "heic", "heif")

_KIND_OF: Final[Mapping[str, DocumentKind]] = {
    **{str(kind): kind for kind in MEDIA_TYPE_OF},
    "markdown": DocumentKind.MARKDOWN,
    "tab": DocumentKind.TSV,
    "htm": DocumentKind.HTML,
    **dict.fromkeys(_PICTURE_EXTENSIONS, DocumentKind.PICTURE),
}

#: What to save a document as that we do not read.
_SAVE_AS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("doc", "docm", "dotm", "wps", "wpt", "wpd", "pages", "fodt", "hwp", "hwpx"), ".docx"),
    **dict.fromkeys(("ppt", "pptm", "pps", "ppsx", "ppsm", "pot", "potx", "dps", "key", "odp"), ".pptx"),
    **dict.fromkeys(("xlsm", "xltm", "et", "ett", "numbers", "fods"), ".xlsx"),
    **dict.fromkeys(
        ("xps", "oxps", "djvu", "caj", "ofd", "epub", "mobi", "azw3", "vsd", "vsdx", "pub", "one", "tex"), ".pdf"
    ),
    **dict.fromkeys(("ps", "eps", "ai", "svg", "dwg", "dxf"), ".pdf"),
    **dict.fromkeys(("mht", "mhtml", "webarchive"), ".html or .pdf"),
    **dict.fromkeys(("pst", "ost", "mbox", "oft"), ".eml, one message each"),
}
_SAVE_PICTURE_AS: Final = dict.fromkeys(("bmp", "psd", "jp2", "jxl", "ico"), ".png or .jpg")

EXTENSIONS: Final = tuple(_KIND_OF)  #: of all names that are taken, without the dot
DOCUMENT_EXTENSIONS: Final = ", ".join(f".{kind}" for kind in MEDIA_TYPE_OF)  #: the usual ones, without pictures
_TAKEN: Final = ", ".join(f".{extension}" for extension in EXTENSIONS)


def is_document(name: str) -> bool:
    """Whether a file's name is that of a document which is no picture, though perhaps of a kind that we do not read."""
    extension = _extension(name)
    return extension in _SAVE_AS or _KIND_OF.get(extension, DocumentKind.PICTURE) is not DocumentKind.PICTURE


def kind_by_name(name: str) -> DocumentKind:
    """Raises UnreadableFile for an extension that we do not take; it says what to save the document as."""
    extension = _extension(name)
    if extension in _KIND_OF:
        return _KIND_OF[extension]
    if save_as := _SAVE_AS.get(extension) or _SAVE_PICTURE_AS.get(extension):
        raise UnreadableFile(f"We do not read .{extension}. Save it as {save_as}.")
    raise UnreadableFile(f"We take {_TAKEN}; this file's name ends in {f'.{extension}' if extension else 'none'}.")


def _extension(name: str) -> str:
    return PurePath(name).suffix.lower().lstrip(".")


@dataclass(frozen=True, kw_only=True)
class ReadDocument:
    """What a document says. Rows of tables are lines with tabs between their cells.

    `notes` name what of the document is not in the text, such as a page that cannot be recognised; each stands in the
    text too, in square brackets. `pages` are those of a PDF or a picture, with the words whose places are known.
    """

    kind: DocumentKind
    text: str
    notes: tuple[str, ...] = ()
    pages: tuple[PageWords, ...] = ()


SCAN_TOKENS: Final = 600  #: of a page that is a picture, before its text is recognised


@dataclass(frozen=True, kw_only=True)
class DocumentSize:
    """An estimate of how much a model has to read: tokens of the text, and pages, of which every document has one."""

    tokens: int
    pages: int = 1


@dataclass(frozen=True, kw_only=True)
class CheckedDocument:
    """A document that can be read. `path` is what to keep: the file, or its copy that needs no password any more."""

    kind: DocumentKind
    path: Path
    size: DocumentSize
