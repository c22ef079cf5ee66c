"""Reading a table from a spreadsheet: its rows below the header, each cell in the type of its column."""

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Final

from aijobs.adapters.documents.spreadsheets.cells import DIGITS_LOST, Cell, Sheet, filled_width
from aijobs.adapters.documents.spreadsheets.merged_rows import FilledRow, filled_rows
from aijobs.adapters.documents.spreadsheets.table_header import HEADER_WITHIN, POINTER, Header, find_header
from aijobs.domain.documents.column_values import CellValue, ColumnType
from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.table_layout import TableLayout
from aijobs.domain.documents.templates import MAX_ERRORS, Row, cell_value, header_key
from aijobs.domain.errors import FieldError, FileTooLarge, InvalidParameters, NoTableHeader, UnreadableFile

#: A row that is merged into one cell over at least so many of the template's columns is a heading or a note.
MIN_COLUMNS_OF_NOTE: Final = 3

UNQUOTED: Final = "A cell with the separator in it must stand in quotation marks."

#: What only the instructions of a form say, below its header.
_INSTRUCTION: Final = re.compile(
    r"\b(?:at most|at least|optional|required|mandatory|e\.g\.|for example|format:|yyyy|max(?:imum|\.)|select from)"
    r"|必填|选填|可选|可不填|填写|请输入|请选择|示例|例如|例：|格式|不超过|最多|下拉",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class FoundTable:
    """A sheet and its header."""

    sheet: Sheet
    header: Header


def rows_of(sheets: Sequence[Sheet], columns: Sequence[Column], layout: TableLayout, *, max_rows: int) -> Iterator[Row]:
    """The rows below the header of the only sheet that has one; blank ones are skipped.

    Raises NoTableHeader when no sheet names any column, InvalidParameters that names each wrong cell by its row and
    column (after the last row was read, or after MAX_ERRORS), and FileTooLarge beyond `max_rows` rows.
    """
    table = _find_table(sheets, columns, layout)
    plan = [(column, table.header.places.get(column.name, ())) for column in columns]
    errors: list[FieldError] = []
    for count, filled in enumerate(_data(table, columns, layout), 1):
        if count > max_rows:
            raise FileTooLarge(f"The table has more than {max_rows:,} rows, the most that we take.")
        row, problems = _checked(filled, plan)
        if table.sheet.is_text and (width := filled_width(filled.cells)) > table.header.width:
            problems = [f": Has {width} cells, its header {table.header.width}. {UNQUOTED}"]
        errors += [FieldError(POINTER, f"Row {filled.number}{problem}") for problem in problems]
        if len(errors) >= MAX_ERRORS:
            break
        if not errors:
            yield row
    if errors:
        raise InvalidParameters("Some cells of the table are wrong.", *errors[:MAX_ERRORS])


def _find_table(sheets: Sequence[Sheet], columns: Sequence[Column], layout: TableLayout) -> FoundTable:
    """Raises InvalidParameters when it is not certain which sheet is meant, or none fits."""
    wanted = [sheet for sheet in sheets if layout.sheet is None or header_key(sheet.name) == header_key(layout.sheet)]
    if layout.sheet is not None and not wanted:
        raise InvalidParameters(
            "The table's sheet is missing.", FieldError(POINTER, f"There is no sheet {layout.sheet!r}.")
        )
    tables, refused = list[FoundTable](), list[InvalidParameters]()
    is_empty = True
    for sheet in wanted:
        try:
            with closing(filled_rows(sheet)) as rows:
                first = list(islice(rows, HEADER_WITHIN if layout.header_row is None else layout.header_row))
            if first:
                is_empty = False
                tables.append(FoundTable(sheet, find_header(first, columns, layout)))
        except InvalidParameters as misfit:
            refused.append(misfit)
    if not tables:
        if is_empty:
            raise UnreadableFile("The workbook is empty.")
        named = [misfit for misfit in refused if not isinstance(misfit, NoTableHeader)]
        raise (named or refused)[0]
    most = max(len(table.header.places) for table in tables)
    fitting = [table for table in tables if len(table.header.places) == most or any(one.required for one in columns)]
    rivals = [table for table in fitting if _has_data(table, columns, layout)] if len(fitting) > 1 else fitting
    if len(rivals) > 1:
        raise _ambiguous(rivals)
    return (rivals or fitting)[0]


def _ambiguous(tables: Sequence[FoundTable]) -> InvalidParameters:
    names = [f"{table.sheet.name!r}{' (hidden)' if table.sheet.is_hidden else ''}" for table in tables]
    return InvalidParameters(
        "Several sheets have the template's columns.",
        FieldError(POINTER, f"It could be {' or '.join(names)}. Keep one, or name it in the template: `sheet`."),
    )


def _has_data(table: FoundTable, columns: Sequence[Column], layout: TableLayout) -> bool:
    with closing(_data(table, columns, layout)) as rows:
        return next(rows, None) is not None


def _data(table: FoundTable, columns: Sequence[Column], layout: TableLayout) -> Generator[FilledRow, None, None]:
    """Rows below the header in which a column of the template holds something; the header's repetitions left out."""
    header = table.header
    first = layout.first_data_row or header.last_row + 1
    places = [place for found in header.places.values() for place in found]
    is_first = layout.first_data_row is None
    for row in filled_rows(table.sheet):
        if row.number < first or not row.own:
            continue
        cells = [row.cells[place] for place in places if place < len(row.cells)]
        if not any(cell is not None and cell.is_filled for cell in cells) or _repeats_header(row, header):
            continue
        if is_first:
            _check_no_instructions(row.number, cells)
            is_first = False
        if row.spans:
            _check_no_note(row, places)
        yield row


def _check_no_instructions(number: int, cells: Sequence[Cell | None]) -> None:
    texts = [str(cell.value) for cell in cells if cell is not None and cell.is_filled and cell.problem is None]
    if texts and 2 * sum(_INSTRUCTION.search(text) is not None for text in texts) >= len(texts):
        raise InvalidParameters(
            "It is not certain where the table's data begin.",
            FieldError(
                POINTER,
                f"Row {number} reads like instructions. Delete it, or say in the template in which row the data "
                f"begin: `first_data_row`, {number} or {number + 1}.",
            ),
        )


def _check_no_note(row: FilledRow, places: Sequence[int]) -> None:
    for span in row.spans:
        covered = sum(span.first_column <= place <= span.last_column for place in places)
        if span.first_row == row.number and covered == len(places) and covered >= MIN_COLUMNS_OF_NOTE:
            raise InvalidParameters(
                "A row of the table is none.",
                FieldError(POINTER, f"Row {row.number} is one merged cell over all columns: a heading or a note."),
            )


def _repeats_header(row: FilledRow, header: Header) -> bool:
    """As where the header stands on every printed page. One column alone could hold its own name."""
    if len(header.places) < 2:
        return False
    for name, places in header.places.items():
        cell = row.cells[places[0]] if places[0] < len(row.cells) else None
        if cell is None or not isinstance(cell.value, str) or header_key(cell.value) != header_key(name):
            return False
    return True


def _checked(row: FilledRow, plan: Sequence[tuple[Column, Sequence[int]]]) -> tuple[Row, list[str]]:
    """The row in its columns' types, and what is wrong in it. `plan` has the columns' places."""
    values, problems = dict[str, CellValue](), list[str]()
    for column, places in plan:
        try:
            values[column.name] = _value(column, _only_cell(row, places))
        except ValueError as unfit:
            problems.append(f", {column.name}: {unfit}")
    return values, problems


def _only_cell(row: FilledRow, places: Sequence[int]) -> Cell | None:
    """Raises ValueError when a merged heading has several values under it."""
    if len(places) == 1:
        return row.cells[places[0]] if places[0] < len(row.cells) else None
    cells = [row.cells[place] for place in places if place < len(row.cells)]
    filled = [cell for cell in cells if cell is not None and cell.is_filled]
    if any(cell is not filled[0] for cell in filled[1:]):
        raise ValueError("Has several values under one merged heading.")
    return filled[0] if filled else None


def _value(column: Column, cell: Cell | None) -> CellValue:
    """What people see for a column of texts, else what the cell holds. Raises ValueError."""
    if cell is None:
        return cell_value(column, None)
    if cell.problem is not None:
        raise ValueError(cell.problem)
    if cell.loses_digits and column.type in {ColumnType.STRING, ColumnType.INTEGER}:
        raise ValueError(DIGITS_LOST)
    if cell.uncertain_number is not None and column.type in {ColumnType.NUMBER, ColumnType.INTEGER}:
        raise ValueError(cell.uncertain_number)
    return cell_value(column, cell.shown if column.type is ColumnType.STRING else cell.value)
