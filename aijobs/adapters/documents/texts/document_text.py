"""The text of a document, whatever its kind. Runs in the parser process only."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pypdfium2
from docx import Document
from docx.blkcntnr import BlockItemContainer
from docx.document import Document as WordDocument
from docx.opc.exceptions import OpcError
from docx.table import Table, _Row
from lxml.etree import LxmlError

from aijobs.adapters.documents.encodings.detection import decoded
from aijobs.domain.documents.column_values import fit_text
from aijobs.domain.documents.formats import DocumentKind
from aijobs.domain.errors import FileTooLarge, UnreadableFile

MAX_PDF_PAGES: Final = 5000
MAX_TABLE_DEPTH: Final = 5


def text_of(path: Path, kind: DocumentKind, *, max_bytes: int) -> str:
    """The text, not longer than `max_bytes` bytes in UTF-8. Raises FileTooLarge and UnreadableFile."""
    return joined(_READERS[kind](path, max_bytes), kind, max_bytes=max_bytes)


def joined(texts: Iterable[str], kind: DocumentKind, *, max_bytes: int) -> str:
    """As lines. Raises FileTooLarge, and UnreadableFile when there is no text."""
    pieces, size = [], 0
    for piece in texts:
        text_piece = fit_text(piece)
        size += len(text_piece.encode()) + 1
        if size > max_bytes + 1:
            raise _too_long(max_bytes)
        pieces.append(text_piece)
    text = "\n".join(pieces)
    if not text.strip():
        raise UnreadableFile(_WITHOUT_TEXT.get(kind, "The file has no text in it."))
    return text


def _text(path: Path, max_bytes: int) -> Iterator[str]:
    if path.stat().st_size > 2 * max_bytes:  # UTF-16 and GB18030 may shrink when they become UTF-8, not by more
        raise _too_long(max_bytes)
    yield decoded(path.read_bytes()).replace("\r\n", "\n")


def _pdf(path: Path, _max_bytes: int) -> Iterator[str]:
    try:
        with pypdfium2.PdfDocument(path) as document:
            if len(document) > MAX_PDF_PAGES:
                raise FileTooLarge(f"The PDF has {len(document):,} pages; {MAX_PDF_PAGES:,} is the most that we take.")
            for page in document:
                page_text = page.get_textpage()
                yield page_text.get_text_bounded().replace("\r\n", "\n") + "\n"
                page_text.close()
                page.close()
    except pypdfium2.PdfiumError as broken:
        encrypted = "assword" in str(broken)
        raise UnreadableFile(
            "The PDF is encrypted. Save it without a password." if encrypted else "The PDF is damaged."
        ) from broken


def _word(path: Path, _max_bytes: int) -> Iterator[str]:
    try:
        document = Document(str(path))
    except (OpcError, LxmlError, KeyError, ValueError) as broken:
        raise UnreadableFile("The Word document is damaged.") from broken
    yield from _blocks(document)


def _blocks(container: WordDocument | BlockItemContainer, depth: int = 0) -> Iterator[str]:
    for block in container.iter_inner_content():
        if not isinstance(block, Table):
            yield block.text
        elif depth < MAX_TABLE_DEPTH:
            for row in block.rows:
                yield "\t".join(_cells(row, depth))


def _cells(row: _Row, depth: int) -> Iterator[str]:
    """A merged cell is listed once for each column that it spans; it is yielded once."""
    last = None
    for cell in row.cells:
        if cell._tc is not last:
            yield " ".join(" ".join(_blocks(cell, depth + 1)).split())
        last = cell._tc


def _too_long(max_bytes: int) -> FileTooLarge:
    return FileTooLarge(f"The document has more than {max_bytes:,} bytes of text, the most that we take.")


_READERS: Final[Mapping[DocumentKind, Callable[[Path, int], Iterator[str]]]] = {
    DocumentKind.TEXT: _text,
    DocumentKind.MARKDOWN: _text,
    DocumentKind.CSV: _text,
    DocumentKind.TSV: _text,
    DocumentKind.WORD: _word,
    DocumentKind.PDF: _pdf,
}
_WITHOUT_TEXT: Final[Mapping[DocumentKind, str]] = {
    DocumentKind.PDF: "The PDF has no text in it: its pages are pictures. Recognise their text (OCR) first."
}
