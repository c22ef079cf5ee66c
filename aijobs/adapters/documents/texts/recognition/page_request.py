"""The recognising process's input and output, as JSON: a request, and a line for each page that is done."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from aijobs.adapters.documents.settings import RecognitionSettings
from aijobs.domain.documents.page_words import PlacedWord


class RecognitionRequest(BaseModel):
    """Recognise these pages of a PDF or a picture, in this order."""

    model_config = ConfigDict(frozen=True)

    path: Path
    pages: tuple[int, ...]
    password: str | None = None
    settings: RecognitionSettings


class RecognisedPage(BaseModel):
    """A page's whole text and its words; or, with a `problem`, nothing. `doubtful` lines of it may be misread."""

    model_config = ConfigDict(frozen=True)

    page: int
    text: str = ""
    words: tuple[PlacedWord, ...] = ()
    doubtful: tuple[str, ...] = ()
    problem: str | None = None
