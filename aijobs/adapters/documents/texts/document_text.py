"""The text of a document, whatever its kind. Runs in the parser process only."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from aijobs.adapters.documents.format_detection import kind_of
from aijobs.adapters.documents.settings import DocumentSettings
from aijobs.adapters.documents.spreadsheets.workbook import lines_of, opened_spreadsheet
from aijobs.adapters.documents.texts.html import html_pieces
from aijobs.adapters.documents.texts.mail import AttachedFile, MailPiece, eml_pieces, msg_pieces
from aijobs.adapters.documents.texts.office.powerpoint import powerpoint_pieces
from aijobs.adapters.documents.texts.office.word import word_pieces
from aijobs.adapters.documents.texts.opendocument import opendocument_pieces
from aijobs.adapters.documents.texts.pdf.document import pdf_pieces
from aijobs.adapters.documents.texts.pieces import Note, PageOfText, PictureOfPage, Piece, TextPiece
from aijobs.adapters.documents.texts.plain import plain_pieces, too_long
from aijobs.adapters.documents.texts.recognition.picture_pages import picture_pieces
from aijobs.adapters.documents.texts.rtf import rtf_pieces
from aijobs.domain.documents.column_values import fit_text
from aijobs.domain.documents.formats import WORKBOOKS, DocumentKind
from aijobs.domain.errors import BadInput

MAX_ATTACHED_DEPTH: Final = 3  #: of mails in mails


@dataclass(frozen=True, kw_only=True)
class DocumentText:
    """A document of a known kind, and how it is to be read."""

    path: Path
    kind: DocumentKind
    settings: DocumentSettings
    password: str | None = None

    def pieces(self) -> Iterator[TextPiece]:
        """Not longer in all than the settings allow. Raises FileTooLarge and UnreadableFile."""
        size, most = 0, self.settings.max_text_bytes
        for piece in self._read():
            written = _written(piece)
            size += len(written.text.encode()) + 1
            if size > most + 1:
                raise too_long(most)
            yield written

    def _read(self, depth: int = 0) -> Iterator[Piece]:
        comments = self.settings.comments
        readers: Mapping[DocumentKind, Callable[[Path], Iterable[MailPiece]]] = {
            **dict.fromkeys(_PLAIN, partial(plain_pieces, max_bytes=self.settings.max_text_bytes)),
            **dict.fromkeys(WORKBOOKS, self._sheets),
            DocumentKind.WORD: partial(word_pieces, comments=comments),
            DocumentKind.PDF: partial(pdf_pieces, password=self.password, comments=comments),
            DocumentKind.POWERPOINT: partial(powerpoint_pieces, comments=comments),
            DocumentKind.HTML: html_pieces,
            DocumentKind.EMAIL: eml_pieces,
            DocumentKind.OUTLOOK: msg_pieces,
            DocumentKind.RTF: rtf_pieces,
            DocumentKind.OPENDOCUMENT: partial(opendocument_pieces, comments=comments),
            DocumentKind.PICTURE: picture_pieces,
        }
        for piece in readers[self.kind](self.path):
            if isinstance(piece, AttachedFile):
                yield from self._attached(piece, depth)
            else:
                yield piece

    def _sheets(self, path: Path) -> Iterator[str]:
        with opened_spreadsheet(path, self.kind) as sheets:
            yield from lines_of(sheets)

    def _attached(self, file: AttachedFile, depth: int) -> Iterator[Piece]:
        """What a mail's attachment says, below a line with its name; a note on why it is not read."""
        if depth >= MAX_ATTACHED_DEPTH:
            yield Note(f"attached and not read, since it is a mail within mails within mails: {file.name}")
            return
        with tempfile.TemporaryDirectory(prefix="aijobs-") as folder:
            path = Path(folder) / "attached"
            path.write_bytes(file.content)
            try:
                attached = DocumentText(path=path, kind=kind_of(path, file.name), settings=self.settings)
                pieces = [*attached._read(depth + 1)]
            except BadInput as refused:
                yield Note(f"attached and not read: {file.name}. {refused}")
                return
        yield f"--- attached: {file.name}"
        for piece in pieces:
            if isinstance(piece, str):
                yield piece
            elif piece.text or isinstance(piece, PageOfText):
                yield piece.text  # its place is on a page of the attached file
            else:
                yield Note(f"page {piece.number} of {file.name} is a picture, which is read when it is sent on its own")


def _written(piece: Piece) -> TextPiece:
    match piece:
        case PictureOfPage(number=number, text=text, words=words):
            return TextPiece(text=fit_text(text), page=number, number=number, words=words)
        case PageOfText(number=number, text=text, words=words):
            return TextPiece(text=fit_text(text), number=number, words=words)
        case Note():
            return TextPiece(text=fit_text(piece), is_note=True)
    return TextPiece(text=fit_text(piece))


_PLAIN: Final = (DocumentKind.TEXT, DocumentKind.MARKDOWN, DocumentKind.CSV, DocumentKind.TSV)
