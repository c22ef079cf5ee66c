"""Writing tables as Excel workbooks: typed by their columns, without formulas or links."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import xlsxwriter

from aijobs.domain.documents.column_values import MAX_CELL_LENGTH, CellValue, ColumnType, fit_text
from aijobs.domain.documents.columns import Column
from aijobs.domain.errors import FileTooLarge

MAX_ROWS: Final = 1_048_576 - 1  #: below the header, by Excel's specification
FIRST_DATE: Final = date(1900, 3, 1)  #: before it Excel's numbers are wrong: it counts 29 February 1900
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
    """A table that is written to a file row by row. Blocking: not for an event loop."""

    def __init__(self, workbook: Any, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._sheet = workbook.add_worksheet(SHEET_NAME)
        self._day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        self._rows = 0
        self._sheet.set_column(0, len(columns) - 1, COLUMN_WIDTH)
        self._sheet.freeze_panes(1, 0)
        head = workbook.add_format({"bold": True})
        for index, column in enumerate(columns):
            self._sheet.write_string(0, index, fit_text(column.name), head)

    def add(self, rows: Iterable[Mapping[str, CellValue]]) -> None:
        """Append rows; missing columns stay empty. Raises FileTooLarge beyond MAX_ROWS."""
        for row in rows:
            self._rows += 1
            if self._rows > MAX_ROWS:
                raise FileTooLarge(f"A sheet holds at most {MAX_ROWS:,} rows.")
            for index, column in enumerate(self._columns):
                self._write(index, column.type, row.get(column.name))

    def _write(self, index: int, kind: ColumnType, value: CellValue) -> None:
        match value:
            case None:
                return
            case bool():
                self._sheet.write_boolean(self._rows, index, value)
            case int() | float():
                self._sheet.write_number(self._rows, index, value)
            case str() if kind is ColumnType.DATE and (day := _day_in(value)):
                self._sheet.write_datetime(self._rows, index, day, self._day)
            case str():
                text = fit_text(value)
                if len(text) > MAX_CELL_LENGTH:
                    raise FileTooLarge(f"A cell holds at most {MAX_CELL_LENGTH:,} characters.")
                self._sheet.write_string(self._rows, index, text)


@contextmanager
def opened_excel(path: Path, columns: Sequence[Column]) -> Iterator[ExcelTable]:
    """A new workbook at `path`, complete when the block ends. Needs memory for one row, and temporary files."""
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
    return datetime.combine(day, datetime.min.time()) if day >= FIRST_DATE else None
