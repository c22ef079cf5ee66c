"""What a reader of a document yields: pieces of its text, and notes on what it does not read."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class Note(str):
    """What of the document is not in the text, and why. It stands in the text in square brackets."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class PictureOfPage:
    """A page whose picture says what its text does not. `number` counts from 1.

    `text` is what the page says without its picture: nothing for a scan.
    """

    number: int
    text: str = ""


Piece = str | Note | PictureOfPage


class TextPiece(BaseModel):
    """A piece as the parser process writes it, one to a line. With a `page`, its picture's text may replace it."""

    model_config = ConfigDict(frozen=True)

    text: str = ""
    is_note: bool = False
    page: int | None = None
