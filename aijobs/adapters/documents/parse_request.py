"""What the reading process is told, and what it answers."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from aijobs.adapters.documents.settings import DocumentSettings
from aijobs.domain.documents.kinds import DocumentKind
from aijobs.domain.documents.templates import Column


class ParseRequest(BaseModel):
    """Read the file `path`, called `name`, into the file `target`: as text, or with `columns` as rows of a table."""

    model_config = ConfigDict(frozen=True)

    path: Path
    name: str
    target: Path
    columns: tuple[Column, ...] | None = None
    settings: DocumentSettings


class Complaint(BaseModel):
    """Why a file was refused: the code and the words of one of our errors, and each wrong cell."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    cells: tuple[str, ...] = ()


class ParseResult(BaseModel):
    """What became of an errand: `rows` counts those of a table."""

    model_config = ConfigDict(frozen=True)

    kind: DocumentKind | None = None
    rows: int = 0
    complaint: Complaint | None = None
