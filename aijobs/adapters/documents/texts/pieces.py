"""What a reader of a document yields: pieces of its text, and notes on what it does not read."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from aijobs.adapters.documents.texts.page_layout import Word
from aijobs.domain.documents.page_words import PlacedWord


class Note(str):
    """What of the document is not in the text, and why. It stands in the text in square brackets."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class PictureOfPage:
    """A page whose picture says what its text does not. `number` counts from 1.

    `text` is what the page says without its picture: nothing for a scan; `words` are those of the text.
    """

    number: int
    text: str = ""
    words: tuple[PlacedWord, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PageOfText:
    """A page whose text says all. `number` counts from 1."""

    number: int
    text: str
    words: tuple[PlacedWord, ...]


Piece = str | Note | PictureOfPage | PageOfText


class TextPiece(BaseModel):
    """A piece as the parser process writes it, one to a line. With a `page`, its picture's text may replace it.

    `number` and `words` are those of the page that the piece is.
    """

    model_config = ConfigDict(frozen=True)

    text: str = ""
    is_note: bool = False
    page: int | None = None
    number: int | None = None
    words: tuple[PlacedWord, ...] = ()


def placed(words: Iterable[Word]) -> tuple[PlacedWord, ...]:
    """Those whose place on the page is known."""
    return tuple((word.text, *word.on_page) for word in words if word.on_page is not None)


def paired(text: str) -> str:
    """The text, with the halves of UTF-16 pairs put together; a half alone becomes `�`."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
