"""What the parser process makes of a file, without the process."""

import json
import tempfile
from pathlib import Path

import pytest

from aijobs.adapters.documents.parse_request import ParseRequest, ParseResult
from aijobs.adapters.documents.parser_process import run
from aijobs.adapters.documents.settings import DocumentSettings
from aijobs.adapters.documents.texts.pieces import TextPiece
from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.table_layout import TableLayout
from aijobs.domain.documents.templates import Row


def rows_in(content: bytes, name: str, columns: dict[str, str], layout: TableLayout | None = None) -> list[Row]:
    """The rows of a table; columns are types by name, a required one with `!` behind its type."""
    made = tuple(
        Column.model_validate({"name": column, "type": kind.rstrip("!"), "required": kind.endswith("!")})
        for column, kind in columns.items()
    )
    result, written = _parsed(content, name, made, layout or TableLayout())
    if result.error is not None:
        pytest.fail(f"{result.error}")
    return [json.loads(line) for line in written.splitlines()]


def refusal_of(
    content: bytes, name: str, columns: dict[str, str] | None = None, layout: TableLayout | None = None
) -> str:
    """Why a table, or without columns a text, is refused: message and cells."""
    made = (
        None
        if columns is None
        else tuple(
            Column.model_validate({"name": column, "type": kind.rstrip("!"), "required": kind.endswith("!")})
            for column, kind in columns.items()
        )
    )
    result, _ = _parsed(content, name, made, layout or TableLayout())
    if result.error is None:
        pytest.fail("It was taken.")
    return " ".join((result.error.message, *result.error.cells))


def text_in(content: bytes, name: str) -> str:
    result, written = _parsed(content, name, None, TableLayout())
    if result.error is not None:
        pytest.fail(f"{result.error}")
    pieces = [TextPiece.model_validate_json(line) for line in written.splitlines()]
    return "\n".join(piece.text for piece in pieces)


def _parsed(
    content: bytes, name: str, columns: tuple[Column, ...] | None, layout: TableLayout
) -> tuple[ParseResult, str]:
    with tempfile.TemporaryDirectory() as folder:
        path, target = Path(folder) / "document", Path(folder) / "target"
        path.write_bytes(content)
        result = run(
            ParseRequest(
                path=path, name=name, target=target, columns=columns, layout=layout, settings=DocumentSettings()
            )
        )
        return result, target.read_text("utf-8") if target.exists() else ""
