"""A table out of an Excel sheet: its header row matched to a template's columns, each cell to its column's type."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from aijobs.adapters.documents.sheets import sheets_of
from aijobs.domain.documents.templates import MAX_ERRORS, Column, Row, check_row, header_key
from aijobs.domain.errors import FieldError, FileTooLarge, InvalidParameters, UnreadableFile

POINTER: Final = "/file"  #: what is wrong is wrong with the uploaded file

Cells = Sequence[object]


def rows_of(path: Path, columns: Sequence[Column], *, most: int) -> Iterator[Row]:
    """The rows of the first sheet that holds something, below its header; blank ones are passed over.

    Raises InvalidParameters that names each wrong cell by its row and column (after the last row was read, or after
    MAX_ERRORS), and FileTooLarge beyond `most` rows.
    """
    sheet = next(sheets_of(path), None)
    if sheet is None:
        raise UnreadableFile("The workbook is empty.")
    numbered = ((number, row) for number, row in enumerate(sheet.iter_rows(), 1) if any(map(_holds, row)))
    _, header = next(numbered, (0, ()))
    places = _places(columns, header)
    wrong: list[FieldError] = []
    for count, (number, cells) in enumerate(numbered, 1):
        if count > most:
            raise FileTooLarge(f"The table has more than {most:,} rows, the most that we take.")
        row, unfit = check_row(columns, {name: cells[place] for name, place in places.items()})
        wrong += [FieldError(POINTER, f"Row {number}, {name}: {message}") for name, message in unfit.items()]
        if len(wrong) >= MAX_ERRORS:
            break
        if not wrong:
            yield row
    if wrong:
        raise InvalidParameters("Some cells of the table are wrong.", *wrong[:MAX_ERRORS])


def _places(columns: Sequence[Column], header: Cells) -> dict[str, int]:
    """Where each column stands, by its name. A column that is not required may be absent; others are passed over."""
    headers = [header_key(str(cell)) for cell in header]
    wanted = {column.name: header_key(column.name) for column in columns}
    wrong = [
        FieldError(POINTER, f"The column {name} is there twice.")
        for name, key in wanted.items()
        if headers.count(key) > 1
    ]
    wrong += [
        FieldError(POINTER, f"The required column {column.name} is missing.")
        for column in columns
        if column.required and wanted[column.name] not in headers
    ]
    places = {name: headers.index(key) for name, key in wanted.items() if key in headers}
    if wrong:
        raise InvalidParameters("The table's header does not fit the template.", *wrong)
    if not places:
        raise InvalidParameters(
            "The table's header does not fit the template.",
            FieldError(POINTER, "None of the template's columns is in the first row that holds something."),
        )
    return places


def _holds(cell: object) -> bool:
    return bool(cell.strip()) if isinstance(cell, str) else cell is not None
