"""Sheets of an Excel workbook. Runs in the parser process only: a malicious workbook can crash it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import python_calamine as calamine
from python_calamine import CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from aijobs.domain.documents.column_values import ColumnType, value_as
from aijobs.domain.errors import FileTooLarge, UnreadableFile

MAX_WIDTH: Final = 1000  #: columns
MAX_HEIGHT: Final = 1_048_576  #: rows, by Excel's specification


def sheets_of(path: Path) -> Iterator[CalamineSheet]:
    """The visible sheets that are not empty. Raises UnreadableFile, and FileTooLarge for a very wide one."""
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        for index, metadata in enumerate(workbook.sheets_metadata):
            if metadata.typ is SheetTypeEnum.WorkSheet and metadata.visible is SheetVisibleEnum.Visible:
                sheet = workbook.get_sheet_by_index(index)
                if sheet.end is not None:
                    _check_width(sheet)
                    yield sheet
    except (calamine.CalamineError, OSError, ValueError) as broken:
        raise UnreadableFile("The workbook is damaged.") from broken


def text_rows(sheet: CalamineSheet) -> Iterator[list[str]]:
    """The sheet's cells as text."""
    for row in sheet.iter_rows():
        yield [" ".join(str(value_as(ColumnType.STRING, cell) or "").split()) for cell in row]


def _check_width(sheet: CalamineSheet) -> None:
    if sheet.width > MAX_WIDTH:
        raise FileTooLarge(
            f"The sheet {sheet.name!r} is {sheet.width:,} columns wide; {MAX_WIDTH:,} is the most that we take. "
            "A single cell far outside of the table is enough for that."
        )
