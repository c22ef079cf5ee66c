"""Which kind a document is: detected from its content, and compared with its name."""

from pathlib import Path, PurePath
from typing import Final

import olefile

from aijobs.adapters.documents.archives.archive_check import kind_of_archive
from aijobs.adapters.media.sniffing import PICTURES, sniffed
from aijobs.domain.documents.formats import DocumentKind, kind_by_name
from aijobs.domain.errors import UnreadableFile

PDF_WITHIN_BYTES: Final = 1024  #: the signature is within these bytes, by PDF 1.7, appendix H

_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM: Final = "EncryptedPackage".encode("utf-16-le")
_RTF: Final = b"{\\rtf"
#: Kinds that no signature tells from other texts.
_TEXTS: Final = frozenset(
    {
        *(DocumentKind.TEXT, DocumentKind.MARKDOWN, DocumentKind.CSV, DocumentKind.TSV),
        *(DocumentKind.HTML, DocumentKind.EMAIL),
    }
)
_LABELS: Final = {
    DocumentKind.EXCEL: "an Excel workbook (.xlsx)",
    DocumentKind.EXCEL_BINARY: "a binary Excel workbook (.xlsb)",
    DocumentKind.EXCEL_97: "an Excel workbook of the old format (.xls)",
    DocumentKind.OPENDOCUMENT_SHEET: "an OpenDocument spreadsheet (.ods)",
    DocumentKind.WORD: "a Word document",
    DocumentKind.POWERPOINT: "a PowerPoint presentation",
    DocumentKind.OPENDOCUMENT: "an OpenDocument text (.odt)",
    DocumentKind.PDF: "a PDF",
    DocumentKind.OUTLOOK: "an Outlook message",
    DocumentKind.RTF: "a Rich Text document",
    DocumentKind.PICTURE: "a picture",
}
#: Web systems export pages and texts under the names of workbooks.
_UNKNOWN_AS: Final = {
    DocumentKind.EXCEL_97: "something else, such as a web page. Open it in a spreadsheet program and save it as .xlsx"
}
#: By a stream at the root of an OLE file: [MS-XLS] 2.1.1 ("Book" before Excel 97), [MS-OXMSG] 2.2.
_KIND_BY_STREAM: Final = {
    "workbook": DocumentKind.EXCEL_97,
    "book": DocumentKind.EXCEL_97,
    "__properties_version1.0": DocumentKind.OUTLOOK,
}


def kind_of(path: Path, name: str) -> DocumentKind:
    """Raises UnreadableFile when the content is not what the name says, and what `kind_of_archive` raises."""
    expected = kind_by_name(name)
    detected = _kind_by_content(path)
    if detected != expected and not (detected is None and expected in _TEXTS):
        label = _LABELS[detected] if detected else _UNKNOWN_AS.get(expected, "something else")
        raise UnreadableFile(f"The file's name ends in {PurePath(name).suffix.lower()}, but it is {label}.")
    return expected


def _kind_by_content(path: Path) -> DocumentKind | None:
    """None for what may be text. Raises UnreadableFile for an empty file and for old Office formats."""
    with path.open("rb") as file:
        head = file.read(PDF_WITHIN_BYTES)
    if not head:
        raise UnreadableFile("The file is empty.")
    if head.startswith(_OLE):
        return _kind_of_ole(path)
    if head.startswith(b"PK\x03\x04"):
        kind = kind_of_archive(path)
        if kind is None:
            raise UnreadableFile("The file is an archive, and no document that we take.")
        return kind
    if head.lstrip().startswith(_RTF):
        return DocumentKind.RTF
    if sniffed(head, complete=len(head) < PDF_WITHIN_BYTES) in PICTURES:
        return DocumentKind.PICTURE
    return DocumentKind.PDF if b"%PDF-" in head else None


def _kind_of_ole(path: Path) -> DocumentKind:
    """Raises UnreadableFile for what is encrypted, and for other formats of old Office programs."""
    if _ENCRYPTED_STREAM in path.read_bytes():
        raise UnreadableFile("The file is encrypted. Save it without a password.")
    try:
        with olefile.OleFileIO(path) as file:
            names = {entry[0].lower() for entry in file.listdir() if len(entry) == 1}
    except (OSError, ValueError, IndexError, TypeError):
        names = set()
    kind = next((kind for name, kind in _KIND_BY_STREAM.items() if name in names), None)
    if kind is None:
        raise UnreadableFile("The file has an old Office format. Save it as .xlsx, .docx or .pptx.")
    return kind
