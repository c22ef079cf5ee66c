"""The recognising process's input and output, as JSON: a request, and a line for each page that is done."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from aijobs.adapters.documents.settings import RecognitionSettings


class RecognitionRequest(BaseModel):
    """Recognise these pages of a PDF or a picture, in this order."""

    model_config = ConfigDict(frozen=True)

    path: Path
    pages: tuple[int, ...]
    password: str | None = None
    settings: RecognitionSettings


class RecognisedPage(BaseModel):
    """A page's whole text; or, with a `problem`, nothing. `doubtful` are lines of it that may be misread."""

    model_config = ConfigDict(frozen=True)

    page: int
    text: str = ""
    doubtful: tuple[str, ...] = ()
    problem: str | None = None
