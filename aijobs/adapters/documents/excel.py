"""Writing tables as Excel workbooks: typed by their columns, with nothing in them that Excel would run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import xlsxwriter

from aijobs.domain.documents.column_values import MAX_CELL_LENGTH, CellValue, ColumnType, fit_text
from aijobs.domain.documents.templates import Column
from aijobs.domain.errors import FileTooLarge

MAX_ROWS: Final = 1_048_576 - 1  #: below the header, by Excel's specification
EXCEL_BEGINS: Final = date(1900, 3, 1)  #: before it Excel counts a day that never was
SHEET_NAME: Final = "Data"
COLUMN_WIDTH: Final = 18

_OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": True,
}


class ExcelTable:
    """A table that grows row by row in a file. Blocking: not for an event loop."""

    def __init__(self, workbook: Any, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._sheet = workbook.add_worksheet(SHEET_NAME)
        self._day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        self._rows = 0
        self._sheet.set_column(0, len(columns) - 1, COLUMN_WIDTH)
        self._sheet.freeze_panes(1, 0)
        head = workbook.add_format({"bold": True})
        for place, column in enumerate(columns):
            self._sheet.write_string(0, place, fit_text(column.name), head)

    def add(self, rows: Iterable[Mapping[str, CellValue]]) -> None:
        """Append rows; columns that they do not have stay empty. Raises FileTooLarge beyond MAX_ROWS."""
        for row in rows:
            self._rows += 1
            if self._rows > MAX_ROWS:
                raise FileTooLarge(f"A sheet holds at most {MAX_ROWS:,} rows.")
            for place, column in enumerate(self._columns):
                self._write(place, column.type, row.get(column.name))

    def _write(self, place: int, kind: ColumnType, value: CellValue) -> None:
        match value:
            case None:
                return
            case bool():
                self._sheet.write_boolean(self._rows, place, value)
            case int() | float():
                self._sheet.write_number(self._rows, place, value)
            case str() if kind is ColumnType.DATE and (day := _day_in(value)):
                self._sheet.write_datetime(self._rows, place, day, self._day)
            case str():
                text = fit_text(value)
                if len(text) > MAX_CELL_LENGTH:
                    raise FileTooLarge(f"A cell holds at most {MAX_CELL_LENGTH:,} characters.")
                self._sheet.write_string(self._rows, place, text)


@contextmanager
def opened_excel(path: Path, columns: Sequence[Column]) -> Iterator[ExcelTable]:
    """A new workbook at `path`, whole when the block ends. Needs memory for one row, and room for temporary files."""
    with xlsxwriter.Workbook(str(path), _OPTIONS) as workbook:
        yield ExcelTable(workbook, columns)


def write_excel(path: Path, columns: Sequence[Column], rows: Iterable[Mapping[str, CellValue]]) -> None:
    """A whole table at once. Raises FileTooLarge."""
    with opened_excel(path, columns) as table:
        table.add(rows)


def _day_in(value: str) -> datetime | None:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return None
    return datetime.combine(day, datetime.min.time()) if day >= EXCEL_BEGINS else None
