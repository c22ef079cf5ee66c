"""Reading a table from an Excel sheet: the header is matched to a template's columns, cells to their column's type."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from aijobs.adapters.documents.sheets import sheets_of
from aijobs.domain.documents.templates import MAX_ERRORS, Column, Row, check_row, header_key
from aijobs.domain.errors import FieldError, FileTooLarge, InvalidParameters, UnreadableFile

POINTER: Final = "/file"  #: the errors point to the uploaded file

Cells = Sequence[object]


def rows_of(path: Path, columns: Sequence[Column], *, max_rows: int) -> Iterator[Row]:
    """The rows of the first sheet that is not empty, below its header; blank ones are skipped.

    Raises InvalidParameters that names each wrong cell by its row and column (after the last row was read, or after
    MAX_ERRORS), and FileTooLarge beyond `max_rows` rows.
    """
    sheet = next(sheets_of(path), None)
    if sheet is None:
        raise UnreadableFile("The workbook is empty.")
    numbered = ((number, row) for number, row in enumerate(sheet.iter_rows(), 1) if any(map(_is_filled, row)))
    _, header = next(numbered, (0, ()))
    positions = _column_positions(columns, header)
    errors: list[FieldError] = []
    for count, (number, cells) in enumerate(numbered, 1):
        if count > max_rows:
            raise FileTooLarge(f"The table has more than {max_rows:,} rows, the most that we take.")
        row, cell_errors = check_row(columns, {name: cells[position] for name, position in positions.items()})
        errors += [FieldError(POINTER, f"Row {number}, {name}: {message}") for name, message in cell_errors.items()]
        if len(errors) >= MAX_ERRORS:
            break
        if not errors:
            yield row
    if errors:
        raise InvalidParameters("Some cells of the table are wrong.", *errors[:MAX_ERRORS])


def _column_positions(columns: Sequence[Column], header: Cells) -> dict[str, int]:
    """The position of each column, by its name. An optional column may be absent; unknown columns are ignored."""
    headers = [header_key(str(cell)) for cell in header]
    expected = {column.name: header_key(column.name) for column in columns}
    errors = [
        FieldError(POINTER, f"The column {name} is there twice.")
        for name, key in expected.items()
        if headers.count(key) > 1
    ]
    errors += [
        FieldError(POINTER, f"The required column {column.name} is missing.")
        for column in columns
        if column.required and expected[column.name] not in headers
    ]
    positions = {name: headers.index(key) for name, key in expected.items() if key in headers}
    if errors:
        raise InvalidParameters("The table's header does not fit the template.", *errors)
    if not positions:
        raise InvalidParameters(
            "The table's header does not fit the template.",
            FieldError(POINTER, "None of the template's columns is in the first row that holds something."),
        )
    return positions


def _is_filled(cell: object) -> bool:
    return bool(cell.strip()) if isinstance(cell, str) else cell is not None
