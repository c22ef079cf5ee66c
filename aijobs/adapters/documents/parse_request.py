"""The parser process's input and output: a request and a result, as JSON."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from aijobs.adapters.documents.settings import DocumentSettings
from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.formats import DocumentKind
from aijobs.domain.documents.table_layout import TableLayout


class ParseRequest(BaseModel):
    """Read the file `path`, called `name`, into the file `target`: as text, or with `columns` as rows of a table.

    With `picture`, the picture of that page, counted from 1, as WebP.
    `unlocked` is where a copy without its `password` is to be written.
    """

    model_config = ConfigDict(frozen=True)

    path: Path
    name: str
    target: Path
    columns: tuple[Column, ...] | None = None
    picture: int | None = None
    password: str | None = None
    unlocked: Path | None = None
    layout: TableLayout = TableLayout()
    settings: DocumentSettings


class ParseError(BaseModel):
    """Why a file was refused: code and message of one of our errors, and each wrong cell."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    cells: tuple[str, ...] = ()


class ParseResult(BaseModel):
    """The result of a request: its `error`, or the kind; `rows` counts those of a table."""

    model_config = ConfigDict(frozen=True)

    kind: DocumentKind | None = None
    rows: int = 0
    error: ParseError | None = None
