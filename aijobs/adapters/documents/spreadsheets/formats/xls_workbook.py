"""Excel 97 workbooks (.xls), and older ones in an OLE file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, Final

import olefile
import xlrd
from xlrd.biffh import XL_CELL_BOOLEAN, XL_CELL_DATE, XL_CELL_ERROR, XL_CELL_NUMBER, XL_CELL_TEXT
from xlrd.compdoc import CompDocError

from aijobs.adapters.documents.spreadsheets.cells import (
    Cell,
    MergedRange,
    NumberCell,
    Sheet,
    SheetRow,
    cell_without_value,
    check_width,
    error_cell,
    text_cell,
    truth_cell,
)
from aijobs.adapters.documents.spreadsheets.number_formats import GENERAL, NumberFormat, number_format
from aijobs.domain.errors import UnreadableFile

#: Every office program writes it; programs that write formulas without computing them do not.
SUMMARY: Final = "\x05SummaryInformation"


@contextmanager
def opened_xls(path: Path) -> Iterator[Sequence[Sheet]]:
    try:
        with xlrd.open_workbook(str(path), formatting_info=True, logfile=StringIO()) as book:
            yield [_sheet(book, sheet, computes=_is_of_an_office_program(path)) for sheet in book.sheets()]
    except (xlrd.XLRDError, CompDocError) as broken:
        is_encrypted = "encrypted" in str(broken).lower()
        raise UnreadableFile(
            "The file is encrypted. Save it without a password." if is_encrypted else "The workbook is damaged."
        ) from broken


def _is_of_an_office_program(path: Path) -> bool:
    with olefile.OleFileIO(path) as file:
        return bool(file.exists(SUMMARY))


def _sheet(book: Any, sheet: Any, *, computes: bool) -> Sheet:
    merges = [MergedRange(top + 1, left, bottom, right - 1) for top, bottom, left, right in sheet.merged_cells]
    return Sheet(
        name=sheet.name,
        rows=partial(_rows, book, sheet, computes=computes),
        merges=lambda: merges,
        is_hidden=sheet.visibility != 0,
    )


def _rows(book: Any, sheet: Any, *, computes: bool) -> Iterator[SheetRow]:
    formats = _formats(book)
    for at in range(sheet.nrows):
        cells = [_cell(one, formats, computes=computes) for one in sheet.row(at)]
        while cells and cells[-1] is None:
            cells.pop()
        check_width(len(cells), sheet.name)
        if cells:
            yield SheetRow(at + 1, cells)


def _formats(book: Any) -> list[NumberFormat]:
    """By the numbers of cells' extended formats (XF)."""
    codes = (book.format_map[extended.format_key].format_str for extended in book.xf_list)
    return [number_format(code or GENERAL, from_1904=book.datemode == 1) for code in codes]


def _cell(cell: Any, formats: Sequence[NumberFormat], *, computes: bool) -> Cell | None:
    match cell.ctype:
        case kind if kind == XL_CELL_TEXT:
            if not cell.value:  # only a formula leaves an empty text
                return None if computes else cell_without_value()
            return text_cell(cell.value, formats[cell.xf_index])
        case kind if kind in {XL_CELL_NUMBER, XL_CELL_DATE}:
            return NumberCell(cell.value, formats[cell.xf_index])
        case kind if kind == XL_CELL_BOOLEAN:
            return truth_cell(value=bool(cell.value))
        case kind if kind == XL_CELL_ERROR:
            return error_cell(xlrd.error_text_from_code.get(cell.value, "#ERROR!"))
    return None
