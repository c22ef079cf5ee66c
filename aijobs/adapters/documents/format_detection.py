"""Which kind a document is: detected from its content, and compared with its name."""

from pathlib import Path, PurePath
from typing import Final

from aijobs.adapters.documents.archive import kind_of_archive
from aijobs.adapters.media.sniffing import PICTURES, sniffed
from aijobs.domain.documents.formats import DocumentKind, kind_by_name
from aijobs.domain.errors import UnreadableFile

PDF_WITHIN_BYTES: Final = 1024  #: the signature is within these bytes, by PDF 1.7, appendix H

_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM: Final = "EncryptedPackage".encode("utf-16-le")
_OUTLOOK_STREAM: Final = "__properties_version1.0".encode("utf-16-le")
_RTF: Final = b"{\\rtf"
#: Kinds that no signature tells from other texts.
_TEXTS: Final = frozenset(
    {DocumentKind.TEXT, DocumentKind.MARKDOWN, DocumentKind.CSV, DocumentKind.HTML, DocumentKind.EMAIL}
)
_LABELS: Final = {
    DocumentKind.EXCEL: "an Excel workbook",
    DocumentKind.WORD: "a Word document",
    DocumentKind.PDF: "a PDF",
    DocumentKind.POWERPOINT: "a PowerPoint presentation",
    DocumentKind.OUTLOOK: "an Outlook message",
    DocumentKind.RTF: "a Rich Text document",
    DocumentKind.OPENDOCUMENT: "an OpenDocument text",
    DocumentKind.PICTURE: "a picture",
}


def kind_of(path: Path, name: str) -> DocumentKind:
    """Raises UnreadableFile when the content is not what the name says, and what `kind_of_archive` raises."""
    expected = kind_by_name(name)
    detected = _kind_by_content(path)
    if detected != expected and not (detected is None and expected in _TEXTS):
        label = _LABELS[detected] if detected else "something else"
        raise UnreadableFile(f"The file's name ends in {PurePath(name).suffix.lower()}, but it is {label}.")
    return expected


def _kind_by_content(path: Path) -> DocumentKind | None:
    """None for what may be text. Raises UnreadableFile for an empty file and for old Office formats."""
    with path.open("rb") as file:
        head = file.read(PDF_WITHIN_BYTES)
    if not head:
        raise UnreadableFile("The file is empty.")
    if head.startswith(_OLE):
        return _kind_of_ole(path.read_bytes())
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


def _kind_of_ole(content: bytes) -> DocumentKind:
    """Of a compound file. Raises UnreadableFile for what is no Outlook message."""
    if _ENCRYPTED_STREAM in content:
        raise UnreadableFile("The file is encrypted. Save it without a password.")
    if _OUTLOOK_STREAM not in content:
        raise UnreadableFile("The file has an old Office format. Save it as .xlsx, .docx or .pptx.")
    return DocumentKind.OUTLOOK
