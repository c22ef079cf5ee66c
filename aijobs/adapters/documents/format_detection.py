"""Which kind a document is: detected from its content, and compared with its name."""

from pathlib import Path
from typing import Final

from aijobs.adapters.documents.archive import kind_of_archive
from aijobs.domain.documents.formats import DocumentKind, kind_by_name
from aijobs.domain.errors import UnreadableFile

PDF_WITHIN_BYTES: Final = 1024  #: the signature is within these bytes, by PDF 1.7, appendix H

_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM: Final = "EncryptedPackage".encode("utf-16-le")
_TEXTS: Final = frozenset({DocumentKind.TEXT, DocumentKind.MARKDOWN, DocumentKind.CSV})
_LABELS: Final = {
    DocumentKind.EXCEL: "an Excel workbook",
    DocumentKind.WORD: "a Word document",
    DocumentKind.PDF: "a PDF",
}


def kind_of(path: Path, name: str) -> DocumentKind:
    """Raises UnreadableFile when the content is not what the name says, and what `kind_of_archive` raises."""
    expected = kind_by_name(name)
    detected = _kind_by_content(path)
    if detected != expected and not (detected is None and expected in _TEXTS):
        label = _LABELS[detected] if detected else "something else"
        raise UnreadableFile(f"The file's name ends in .{expected}, but it is {label}.")
    return expected


def _kind_by_content(path: Path) -> DocumentKind | None:
    """None for what may be text. Raises UnreadableFile for an empty file and for old Office formats."""
    with path.open("rb") as file:
        head = file.read(PDF_WITHIN_BYTES)
    if not head:
        raise UnreadableFile("The file is empty.")
    if head.startswith(_OLE):
        encrypted = _ENCRYPTED_STREAM in path.read_bytes()
        raise UnreadableFile(
            "The file is encrypted. Save it without a password."
            if encrypted
            else "The file has an old Office format. Save it as .xlsx or .docx."
        )
    if head.startswith(b"PK\x03\x04"):
        kind = kind_of_archive(path)
        if kind is None:
            raise UnreadableFile("The file is an archive, and no document that we take.")
        return kind
    return DocumentKind.PDF if b"%PDF-" in head else None
