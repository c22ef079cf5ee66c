"""Spreadsheets of every format: as sheets of rows, and as a text."""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from lxml.etree import LxmlError

from aijobs.adapters.documents.archives.office_package import OfficePackage
from aijobs.adapters.documents.spreadsheets.cells import Cell, Sheet
from aijobs.adapters.documents.spreadsheets.formats.cell_references import column_letters
from aijobs.adapters.documents.spreadsheets.formats.delimited_text import opened_delimited_text
from aijobs.adapters.documents.spreadsheets.formats.ods_spreadsheet import ods_sheets
from aijobs.adapters.documents.spreadsheets.formats.xls_workbook import opened_xls
from aijobs.adapters.documents.spreadsheets.formats.xlsb_workbook import xlsb_sheets
from aijobs.adapters.documents.spreadsheets.formats.xlsx_workbook import XlsxWorkbook
from aijobs.adapters.documents.spreadsheets.merged_rows import filled_rows
from aijobs.domain.documents.formats import DocumentKind
from aijobs.domain.errors import UnreadableFile

#: What readers raise for broken files. Our own errors, which say more, are none of these.
_DAMAGE: Final = (
    LxmlError,
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    AssertionError,
    struct.error,
    EOFError,
)


@contextmanager
def opened_spreadsheet(path: Path, kind: DocumentKind) -> Iterator[Sequence[Sheet]]:
    """The sheets of a workbook, or the only one of a text with rows.

    Raises UnreadableFile for a damaged one, also while its rows are read in the block.
    """
    try:
        with _OPENERS[kind](path) as sheets:
            yield sheets
    except _DAMAGE as broken:
        raise UnreadableFile("The workbook is damaged.") from broken


def lines_of(sheets: Sequence[Sheet]) -> Iterator[str]:
    """The text of the sheets that hold something, each under its name: a line for each row, tabs between cells.

    Cells are as people see them; of those that are merged in a row the first one has the text, down the rows each has.
    Raises UnreadableFile that names a cell whose value cannot be known.
    """
    for sheet in sheets:
        heading = f"## {sheet.name}{' (hidden)' if sheet.is_hidden else ''}"
        if sheet.note:
            yield f"{heading} ({sheet.note})"
            continue
        for row in filled_rows(sheet):
            if not row.own:
                continue
            if heading:
                yield heading
                heading = ""
            cells = [None if at and cell is row.cells[at - 1] else cell for at, cell in enumerate(row.cells)]
            yield "\t".join(_text(sheet, row.number, at, cell) for at, cell in enumerate(cells)).rstrip()


def _text(sheet: Sheet, row: int, column: int, cell: Cell | None) -> str:
    if cell is None:
        return ""
    if cell.value is None and cell.problem is not None:
        raise UnreadableFile(f"The cell {column_letters(column)}{row} of the sheet {sheet.name!r}: {cell.problem}")
    try:
        return " ".join(cell.shown.split())
    except ValueError as unseen:
        return f"[{unseen}]"


def _in_package(
    sheets: Callable[[OfficePackage], Iterator[Sheet]],
) -> Callable[[Path], AbstractContextManager[list[Sheet]]]:
    @contextmanager
    def opened(path: Path) -> Iterator[list[Sheet]]:
        with OfficePackage.opened(path) as package:
            yield [*sheets(package)]

    return opened


_OPENERS: Final[Mapping[DocumentKind, Callable[[Path], AbstractContextManager[Sequence[Sheet]]]]] = {
    DocumentKind.EXCEL: _in_package(lambda package: XlsxWorkbook.of(package).sheets()),
    DocumentKind.EXCEL_BINARY: _in_package(xlsb_sheets),
    DocumentKind.OPENDOCUMENT_SHEET: _in_package(ods_sheets),
    DocumentKind.EXCEL_97: opened_xls,
    DocumentKind.CSV: opened_delimited_text,
    DocumentKind.TSV: opened_delimited_text,
}
