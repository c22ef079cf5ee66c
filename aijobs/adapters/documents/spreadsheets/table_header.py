"""Finding a table's header: the row that names a template's columns, wherever it is in the sheet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aijobs.adapters.documents.spreadsheets.cells import Cell
from aijobs.adapters.documents.spreadsheets.merged_rows import FilledRow
from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.table_layout import TableLayout
from aijobs.domain.documents.templates import header_key
from aijobs.domain.errors import FieldError, InvalidParameters, NoTableHeader

POINTER: Final = "/file"  #: the errors point to the uploaded file
HEADER_WITHIN: Final = 50  #: rows that hold something; the header is one of the first

MISFIT: Final = "The table's header does not fit the template."


@dataclass(frozen=True, kw_only=True)
class Header:
    """Where the columns are. `places` has each column's places in a row, several under a merged heading.

    Rows up to `last_row` are no data. `width` counts the cells of its row.
    """

    row: int
    last_row: int
    width: int
    places: Mapping[str, Sequence[int]]


def find_header(rows: Sequence[FilledRow], columns: Sequence[Column], layout: TableLayout) -> Header:
    """The row that names all required columns and the most of the others, the first of several such.

    Raises NoTableHeader when no row names any column, and InvalidParameters that names what is missing or there twice.
    """
    candidates = [_named(row, columns) for row in rows if layout.header_row in {None, row.number}]
    best = max(candidates, key=lambda candidate: _rank(candidate[1], columns), default=None)
    if best is None or not best[1]:
        where = f"row {layout.header_row}" if layout.header_row else f"the first {HEADER_WITHIN} rows"
        raise NoTableHeader(MISFIT, FieldError(POINTER, f"None of the template's columns is named in {where}."))
    row, places = best
    _check(row, places, columns)
    last = max([row.number, *(span.last_row for span in row.spans if _is_heading(span.first_column, places))])
    return Header(row=row.number, last_row=last, width=len(row.cells), places=places)


def _named(row: FilledRow, columns: Sequence[Column]) -> tuple[FilledRow, dict[str, list[int]]]:
    """The columns that a row names, with their places."""
    keys = [header_key(heading) if (heading := _heading(cell)) else "" for cell in row.cells]
    found = {column.name: _places(keys, header_key(column.name)) for column in columns}
    return row, {name: places for name, places in found.items() if places}


def _places(keys: Sequence[str], name: str) -> list[int]:
    """Forms mark required columns by an asterisk: it is no part of the name, unless the column has it too."""
    return [at for at, key in enumerate(keys) if name in {key, key.strip("*")}]


def _heading(cell: Cell | None) -> str:
    if cell is None or cell.problem is not None:
        return ""
    try:
        return cell.shown
    except ValueError:
        return ""


def _rank(places: Mapping[str, Sequence[int]], columns: Sequence[Column]) -> tuple[int, int]:
    required = sum(column.required and column.name in places for column in columns)
    return required, len(places)


def _check(row: FilledRow, places: Mapping[str, Sequence[int]], columns: Sequence[Column]) -> None:
    """Raises InvalidParameters. A merged heading is there once, however many columns are under it."""
    twice = [
        FieldError(POINTER, f"The column {name} is there twice.")
        for name, found in places.items()
        if any(row.cells[place] is not row.cells[found[0]] for place in found)
    ]
    missing = [
        FieldError(POINTER, f"The required column {column.name} is missing.")
        for column in columns
        if column.required and column.name not in places
    ]
    if errors := twice + missing:
        raise InvalidParameters(MISFIT, *errors)


def _is_heading(place: int, places: Mapping[str, Sequence[int]]) -> bool:
    return any(place in found for found in places.values())
