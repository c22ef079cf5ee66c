"""Writing tables as Excel workbooks: typed by their columns, without formulas or links."""

import itertools
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import xlsxwriter

from aijobs.domain.documents.column_values import MAX_CELL_LENGTH, CellValue, ColumnType, fit_text
from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.sources import CellSource, RowSources
from aijobs.domain.errors import FileTooLarge

MAX_ROWS: Final = 1_048_576 - 1  #: below the header, by Excel's specification
FIRST_DATE: Final = date(1900, 3, 1)  #: before it Excel's numbers are wrong: it counts 29 February 1900
SHEET_NAME: Final = "Data"
SOURCES_NAME: Final = "Sources"
SOURCE_HEADINGS: Final = ("Row", "Column", "Value", "Quotation", "Page", "Marks")
COLUMN_WIDTH: Final = 18
QUOTE_WIDTH: Final = 60
DOUBTFUL: Final = "#FFF2CC"  #: behind a value that should be looked at

_OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": True,
}


class ExcelTable:
    """A table that is written to a file row by row. Blocking: not for an event loop."""

    def __init__(self, workbook: Any, columns: Sequence[Column]) -> None:
        self._workbook = workbook
        self._columns = columns
        self._sheet = workbook.add_worksheet(SHEET_NAME)
        self._formats = {
            (is_day, is_doubtful): workbook.add_format(
                ({"num_format": "yyyy-mm-dd"} if is_day else {}) | ({"bg_color": DOUBTFUL} if is_doubtful else {})
            )
            for is_day in (False, True)
            for is_doubtful in (False, True)
        }
        self._rows = 0
        self._sheet.set_column(0, len(columns) - 1, COLUMN_WIDTH)
        self._sheet.freeze_panes(1, 0)
        head = workbook.add_format({"bold": True})
        for index, column in enumerate(columns):
            self._sheet.write_string(0, index, fit_text(column.name), head)

    def add(self, rows: Iterable[Mapping[str, CellValue]], sources: Iterable[RowSources] = ()) -> None:
        """Append rows; missing columns stay empty, and what should be looked at is coloured.

        Raises FileTooLarge beyond MAX_ROWS.
        """
        for row, cells in zip(rows, itertools.chain(sources, itertools.repeat({})), strict=False):
            self._rows += 1
            if self._rows > MAX_ROWS:
                raise FileTooLarge(f"A sheet holds at most {MAX_ROWS:,} rows.")
            for index, column in enumerate(self._columns):
                is_doubtful = column.name in cells and cells[column.name].is_doubtful
                self._write(index, column.type, row.get(column.name), is_doubtful=is_doubtful)

    def add_sources(self, rows: Sequence[Mapping[str, CellValue]], sources: Sequence[RowSources]) -> None:
        """A second sheet: where each value comes from, and what should be looked at. It says so when it is full."""
        sheet = self._workbook.add_worksheet(SOURCES_NAME)
        head = self._workbook.add_format({"bold": True})
        sheet.set_column(1, 2, COLUMN_WIDTH)
        sheet.set_column(3, 3, QUOTE_WIDTH)
        sheet.set_column(5, 5, COLUMN_WIDTH)
        sheet.freeze_panes(1, 0)
        for index, heading in enumerate(SOURCE_HEADINGS):
            sheet.write_string(0, index, heading, head)
        lines = _source_lines(self._columns, rows, sources)
        for line, (row, column, value, cell) in enumerate(lines, 1):
            if line == MAX_ROWS:
                sheet.write_string(line, 3, "A sheet holds no more rows: the others are in the JSON output.")
                return
            sheet.write_number(line, 0, row)
            sheet.write_string(line, 1, fit_text(column))
            sheet.write_string(line, 2, "" if value is None else fit_text(str(value)))
            sheet.write_string(line, 3, fit_text(cell.quote or ""))
            if cell.page is not None:
                sheet.write_number(line, 4, cell.page)
            sheet.write_string(line, 5, ", ".join(cell.marks), self._formats[False, cell.is_doubtful])

    def _write(self, index: int, kind: ColumnType, value: CellValue, *, is_doubtful: bool) -> None:
        plain = self._formats[False, is_doubtful]
        match value:
            case None if is_doubtful:
                self._sheet.write_blank(self._rows, index, None, plain)
            case None:
                return
            case bool():
                self._sheet.write_boolean(self._rows, index, value, plain)
            case int() | float():
                self._sheet.write_number(self._rows, index, value, plain)
            case str() if kind is ColumnType.DATE and (day := _day_in(value)):
                self._sheet.write_datetime(self._rows, index, day, self._formats[True, is_doubtful])
            case str():
                text = fit_text(value)
                if len(text) > MAX_CELL_LENGTH:
                    raise FileTooLarge(f"A cell holds at most {MAX_CELL_LENGTH:,} characters.")
                self._sheet.write_string(self._rows, index, text, plain)


def _source_lines(
    columns: Sequence[Column], rows: Sequence[Mapping[str, CellValue]], sources: Sequence[RowSources]
) -> Iterator[tuple[int, str, CellValue, CellSource]]:
    """The number of the row, from 1, the column, the value, and its source: of all that something is known of."""
    for number, (row, cells) in enumerate(zip(rows, sources, strict=True), 1):
        for column in columns:
            if column.name in cells:
                yield number, column.name, row.get(column.name), cells[column.name]


@contextmanager
def opened_excel(path: Path, columns: Sequence[Column]) -> Iterator[ExcelTable]:
    """A new workbook at `path`, complete when the block ends. Needs memory for one row, and temporary files."""
    with xlsxwriter.Workbook(str(path), _OPTIONS) as workbook:
        yield ExcelTable(workbook, columns)


def write_excel(path: Path, columns: Sequence[Column], rows: Iterable[Mapping[str, CellValue]]) -> None:
    """A whole table at once. Raises FileTooLarge."""
    with opened_excel(path, columns) as table:
        table.add(rows)


def sourced_workbook(
    columns: Sequence[Column], rows: Sequence[Mapping[str, CellValue]], sources: Sequence[RowSources]
) -> bytes:
    """A whole table, and where its values come from on a second sheet, where that is known. Raises FileTooLarge."""
    with tempfile.TemporaryDirectory(prefix="aijobs-") as folder:
        path = Path(folder) / "table.xlsx"
        with opened_excel(path, columns) as table:
            table.add(rows, sources)
            if any(sources):
                table.add_sources(rows, sources)
        return path.read_bytes()


def _day_in(value: str) -> datetime | None:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return None
    return datetime.combine(day, datetime.min.time()) if day >= FIRST_DATE else None
