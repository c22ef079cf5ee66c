"""The text of a document, put together of its pieces and of what was recognised in its pictures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aijobs.adapters.documents.settings import RecognitionSettings
from aijobs.adapters.documents.texts.pieces import TextPiece
from aijobs.adapters.documents.texts.recognition.page_request import RecognisedPage
from aijobs.domain.documents.column_values import fit_text
from aijobs.domain.documents.costs import estimated_tokens
from aijobs.domain.documents.formats import SCAN_TOKENS, DocumentKind, DocumentSize
from aijobs.domain.documents.page_words import PageWords
from aijobs.domain.errors import FileTooLarge, UnreadableFile

MAX_PLACED_WORDS: Final = 200_000  #: of one document; of the pages behind them no places are known


@dataclass(frozen=True, kw_only=True)
class WholeText:
    """`notes` stand in the text too, in square brackets. `pages` are those of a PDF or a picture."""

    text: str
    notes: tuple[str, ...]
    pages: tuple[PageWords, ...]


def pieces_in(path: Path) -> list[TextPiece]:
    """What the parser process has written."""
    with path.open("rb") as lines:
        return [TextPiece.model_validate_json(line) for line in lines]


def pages_to_recognise(pieces: Sequence[TextPiece], settings: RecognitionSettings) -> list[int]:
    """Those without any other text, and as many with pictures beside their text as the limit leaves room for.

    Raises FileTooLarge when there are too many without text.
    """
    if not settings.enabled:
        return []
    scans = [piece.page for piece in pieces if piece.page is not None and not piece.text]
    if len(scans) > settings.max_pages:
        raise FileTooLarge(
            f"The document has {len(scans):,} pages that are pictures; {settings.max_pages:,} is the most whose text "
            "we recognise."
        )
    others = [piece.page for piece in pieces if piece.page is not None and piece.text]
    return sorted(scans + others[: settings.max_pages - len(scans)])


def require_text(kind: DocumentKind, pieces: Sequence[TextPiece], settings: RecognitionSettings) -> None:
    """Raises UnreadableFile when it is known, without recognising anything, that nothing can be read."""
    if settings.enabled and any(piece.page is not None for piece in pieces):
        return
    if not any(_says_something(piece.text) for piece in pieces if not piece.is_note):
        raise UnreadableFile(_without_text(kind))


def whole_text(kind: DocumentKind, pieces: Sequence[TextPiece], recognised: Mapping[int, RecognisedPage]) -> WholeText:
    """Raises UnreadableFile when nothing of the document can be read, with the reason of each page."""
    lines, notes, says_something = list[str](), list[str](), False
    for piece in pieces:
        found = None if piece.page is None else recognised.get(piece.page)
        text = piece.text if found is None or found.problem else fit_text(found.text)
        problems = [*_problems(piece, found)]
        says_something |= not piece.is_note and _says_something(text)
        if piece.is_note:
            problems.insert(0, text)
        elif text or not (problems or piece.number):
            lines.append(text)
        lines += [f"[{problem}]" for problem in problems]
        notes += problems
    if not says_something:
        raise UnreadableFile(" ".join([_without_text(kind), *(f"{note}." for note in notes[:3])]))
    return WholeText(text="\n".join(lines), notes=tuple(notes), pages=tuple(_pages(pieces, recognised)))


def _pages(pieces: Sequence[TextPiece], recognised: Mapping[int, RecognisedPage]) -> Iterator[PageWords]:
    """Beyond MAX_PLACED_WORDS without their words."""
    left = MAX_PLACED_WORDS
    for piece in pieces:
        if piece.number is not None:
            found = None if piece.page is None else recognised.get(piece.page)
            words = piece.words if found is None or found.problem else found.words
            left -= len(words)
            yield PageWords(number=piece.number, words=words if left >= 0 else ())


def size_of(pieces: Sequence[TextPiece]) -> DocumentSize:
    """An estimate; pages that are still to be recognised count as SCAN_TOKENS each."""
    tokens = sum(estimated_tokens(piece.text) if piece.text else SCAN_TOKENS for piece in pieces)
    return DocumentSize(tokens=tokens, pages=max(1, sum(_is_page_mark(piece.text) for piece in pieces)))


def _problems(piece: TextPiece, found: RecognisedPage | None) -> Iterator[str]:
    """What of a page is not read, or not with certainty."""
    if piece.page is None:
        return
    if found is None:
        yield (
            f"page {piece.page} has pictures, whose text is not read"
            if piece.text
            else f"page {piece.page} is a picture, whose text is not read here"
        )
    elif found.problem:
        subject = f"the pictures on page {piece.page} are not read" if piece.text else f"page {piece.page} is not read"
        yield f"{subject}: {found.problem}"
    elif found.doubtful:
        yield f"read with doubt on page {piece.page}: {' · '.join(found.doubtful)}"


def _says_something(text: str) -> bool:
    """Not when it is `[page 3]`, which stands before a page."""
    return bool(text.strip()) and not _is_page_mark(text)


def _is_page_mark(text: str) -> bool:
    return text.startswith("[page ") and text.endswith("]") and "\n" not in text


def _without_text(kind: DocumentKind) -> str:
    if kind is DocumentKind.PDF:
        return "The PDF has no text in it: its pages are pictures without text that we can recognise, or blank."
    if kind is DocumentKind.PICTURE:
        return "No text can be read in the picture."
    return "The file has no text in it."
