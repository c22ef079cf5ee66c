"""The text of a PDF, page by page: with filled form fields and notes on the page; pages that are pictures are named."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pypdfium2
import pypdfium2.raw as pdfium

from aijobs.adapters.documents.texts.pdf.page_content import PageContent, attached_names
from aijobs.adapters.documents.texts.pdf.page_words import PageText
from aijobs.adapters.documents.texts.pieces import Note, PageOfText, PictureOfPage, Piece, placed
from aijobs.domain.errors import FileTooLarge, UnreadableFile

MAX_PAGES: Final = 5000

ENCRYPTED: Final = "The PDF is encrypted. Send its password along (`password`), or save it without one."
WRONGLY_OPENED: Final = "The PDF is encrypted, and the password is wrong."
_XFA: Final = "The PDF is a form of Adobe's XFA kind, which only Adobe's programs show. Print it as PDF."
_NORMAL_DISPLAY: Final = 0
_NOTES: Final = frozenset({pdfium.FPDF_ANNOT_FREETEXT})  #: written on the page, though perhaps not drawn there
_COMMENTS: Final = frozenset(
    {pdfium.FPDF_ANNOT_TEXT, pdfium.FPDF_ANNOT_HIGHLIGHT, pdfium.FPDF_ANNOT_UNDERLINE, pdfium.FPDF_ANNOT_STRIKEOUT}
)


def pdf_pieces(path: Path, *, password: str | None = None, comments: bool = False) -> Iterator[Piece]:
    """Each page's text, with its number before it when there are several. Raises UnreadableFile and FileTooLarge."""
    with opened_pdf(path, password) as document:
        several = len(document) > 1
        for number in range(1, len(document) + 1):
            if several:
                yield f"[page {number}]"
            noted = _annotated(document, number, _NOTES)  # before they are drawn on the page, and no more annotations
            commented = _annotated(document, number, _COMMENTS) if comments else []
            with opened_page(document, number) as page:
                drawn = ""
                for piece in _page_pieces(page, number):
                    drawn += _folded(piece if isinstance(piece, str) else piece.text)
                    yield piece
            yield from (text for text in noted if _folded(text) not in drawn)
            yield from (f"[comment: {text}]" for text in commented)
        if attached := list(attached_names(document)):
            yield Note(f"files within the PDF, which are not read: {', '.join(attached)}")


@contextmanager
def opened_pdf(path: Path, password: str | None) -> Iterator[Any]:
    """PDFium's document, ready for forms. Its errors in the block become UnreadableFile."""
    try:
        with pypdfium2.PdfDocument(path, password=password) as document:
            if len(document) > MAX_PAGES:
                raise FileTooLarge(f"The PDF has {len(document):,} pages; {MAX_PAGES:,} is the most that we take.")
            if document.get_formtype() == pdfium.FORMTYPE_XFA_FULL:
                raise UnreadableFile(_XFA)
            if document.get_formtype():
                document.init_forms()
            yield document
    except pypdfium2.PdfiumError as broken:
        raise UnreadableFile(_what_is_wrong(str(broken), password)) from broken


@contextmanager
def opened_page(document: Any, number: int) -> Iterator[Any]:
    """A page, counted from 1, with its form fields and notes drawn on it. Raises UnreadableFile without such a page."""
    if not 1 <= number <= len(document):
        raise UnreadableFile(f"There is no page {number}.")
    page = document[number - 1]
    if pdfium.FPDFPage_GetAnnotCount(page) > 0 and pdfium.FPDFPage_Flatten(page, _NORMAL_DISPLAY):
        page.close()
        page = document[number - 1]
    try:
        yield page
    finally:
        page.close()


def unlock(path: Path, target: Path, password: str) -> None:
    """Write a copy without encryption; nothing when the PDF is not encrypted. Raises UnreadableFile."""
    with opened_pdf(path, password) as document:
        if pdfium.FPDF_GetSecurityHandlerRevision(document) >= 0:
            document.save(target, flags=pdfium.FPDF_REMOVE_SECURITY)


def _page_pieces(page: Any, number: int) -> Iterator[Piece]:
    text, content = PageText(page), PageContent.of(page)
    if content.is_picture(text):
        yield PictureOfPage(number=number)
        return
    if not text.count:
        yield PageOfText(number=number, text="", words=())
        yield Note(f"page {number} has no text")
        return
    whole = text.laid_out()
    if content.has_pictures_beside() and not content.has_foreign_layer():
        yield PictureOfPage(number=number, text=whole.text, words=placed(whole.words))
        return
    yield PageOfText(number=number, text=whole.text, words=placed(whole.words))
    if content.has_foreign_layer():
        yield Note(f"the text of page {number} was recognised by another program, which may have misread it")


def _annotated(document: Any, number: int, kinds: frozenset[int]) -> list[str]:
    """The texts of a page's annotations of these kinds, drawn on the page or not."""
    found = []
    page = document[number - 1]
    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if pdfium.FPDFAnnot_GetSubtype(annotation) in kinds and (text := _contents(annotation)):
            found.append(text)
        pdfium.FPDFPage_CloseAnnot(annotation)
    page.close()
    return found


def _contents(annotation: Any) -> str:
    size = pdfium.FPDFAnnot_GetStringValue(annotation, b"Contents", None, 0)  # bytes of UTF-16, with two zeros
    buffer = (pdfium.FPDF_WCHAR * (size // 2))()
    pdfium.FPDFAnnot_GetStringValue(annotation, b"Contents", buffer, size)
    return " ".join(bytes(buffer).decode("utf-16-le", "replace").rstrip("\0").split())


def _folded(text: str) -> str:
    return "".join(text.split())


def _what_is_wrong(message: str, password: str | None) -> str:
    if "assword" not in message:
        return "The PDF is damaged."
    return ENCRYPTED if password is None else WRONGLY_OPENED
