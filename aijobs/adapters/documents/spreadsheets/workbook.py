"""Spreadsheets of every format as sheets of rows."""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from lxml.etree import LxmlError

from aijobs.adapters.documents.archives.office_package import OfficePackage
from aijobs.adapters.documents.spreadsheets.cells import Sheet
from aijobs.adapters.documents.spreadsheets.delimited_text import opened_delimited_text
from aijobs.adapters.documents.spreadsheets.ods_spreadsheet import ods_sheets
from aijobs.adapters.documents.spreadsheets.xls_workbook import opened_xls
from aijobs.adapters.documents.spreadsheets.xlsb_workbook import xlsb_sheets
from aijobs.adapters.documents.spreadsheets.xlsx_workbook import XlsxWorkbook
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
