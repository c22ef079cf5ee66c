"""Binary Excel workbooks (.xlsb), by [MS-XLSB]."""

import struct
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Final

from aijobs.adapters.documents.archives.office_package import OfficePackage
from aijobs.adapters.documents.spreadsheets.cells import (
    Cell,
    MergedRange,
    NumberCell,
    Sheet,
    SheetRow,
    check_width,
    error_cell,
    text_cell,
    truth_cell,
)
from aijobs.adapters.documents.spreadsheets.formats.xlsb_records import packed_number, records, wide_text
from aijobs.adapters.documents.spreadsheets.number_formats import BUILT_IN, GENERAL, NumberFormat, number_format
from aijobs.domain.errors import UnreadableFile

# Records by their names in [MS-XLSB] 2.3.
ROW_HEADER: Final = 0
CELL_RK, CELL_ERROR, CELL_BOOLEAN, CELL_REAL, CELL_TEXT, CELL_SHARED = 2, 3, 4, 5, 6, 7
FORMULA_TEXT, FORMULA_NUMBER, FORMULA_BOOLEAN, FORMULA_ERROR = 8, 9, 10, 11
SHARED_TEXT: Final = 19
FORMAT: Final = 44
CELL_FORMAT: Final = 47
CELL_RICH_TEXT: Final = 62
WORKBOOK_PROPERTIES: Final = 153
SHEET: Final = 156
MERGED_CELLS: Final = 176
BEGIN_CELL_FORMATS, END_CELL_FORMATS = 617, 618

_ERRORS: Final = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
_WORKSHEET: Final = "worksheet"
_FROM_1904: Final = 0x1
_STYLE: Final = 0xFFFFFF  #: bits of a cell's style


def xlsb_sheets(package: OfficePackage) -> Iterator[Sheet]:
    main = package.find_main_part() or "xl/workbook.bin"
    with package.stream(main) as content:
        parts = [*records(content)]
    flags = next((struct.unpack_from("<I", body)[0] for number, body in parts if number == WORKBOOK_PROPERTIES), 0)
    reader = _CellReader(_shared_texts(package, main), _formats(package, main, from_1904=bool(flags & _FROM_1904)))
    relations = package.relations(main)
    for number, body in parts:
        if number != SHEET:
            continue
        state, id_ = struct.unpack_from("<I", body)[0], wide_text(body, 8)
        name = wide_text(body, 12 + len(id_.encode("utf-16-le")))
        relation = relations.get(id_)
        if relation is None or relation.part is None:
            raise UnreadableFile(f"The workbook is damaged: its sheet {name!r} is missing.")
        if relation.kind != _WORKSHEET:
            yield Sheet(name=name, rows=lambda: iter(()), note="a chart or a macro sheet, which is not read")
            continue
        yield Sheet(
            name=name,
            rows=partial(_rows, package, relation.part, name, reader),
            merges=cache(partial(_merges, package, relation.part)),
            is_hidden=state != 0,
        )


def _rows(package: OfficePackage, part: str, name: str, reader: "_CellReader") -> Iterator[SheetRow]:
    row, cells = 0, list[Cell | None]()
    with package.stream(part) as content:
        for number, body in records(content):
            if number == ROW_HEADER:
                if cells:
                    yield SheetRow(row, cells)
                following = struct.unpack_from("<I", body)[0] + 1
                if following <= row:
                    raise UnreadableFile(f"The sheet {name!r} is damaged: its rows are not in order.")
                row, cells = following, []
            elif (cell := reader.cell(number, body)) is not None:
                (at,) = struct.unpack_from("<I", body)
                check_width(at + 1, name)
                if at < len(cells):
                    raise UnreadableFile(f"The sheet {name!r} is damaged: the cells of a row are not in order.")
                cells.extend([None] * (at - len(cells)))
                cells.append(cell)
    if cells:
        yield SheetRow(row, cells)


def _merges(package: OfficePackage, part: str) -> Sequence[MergedRange]:
    with package.stream(part) as content:
        found = [struct.unpack_from("<4I", body) for number, body in records(content) if number == MERGED_CELLS]
    return [MergedRange(top + 1, left, bottom + 1, right) for top, bottom, left, right in found]


def _shared_texts(package: OfficePackage, main: str) -> list[str]:
    return [wide_text(body, 1) for number, body in _related(package, main, "sharedStrings") if number == SHARED_TEXT]


def _formats(package: OfficePackage, main: str, *, from_1904: bool) -> list[NumberFormat]:
    codes, ids, inside = dict(BUILT_IN), list[int](), False
    for number, body in _related(package, main, "styles"):
        match number:
            case kind if kind == FORMAT:
                codes[struct.unpack_from("<H", body)[0]] = wide_text(body, 2)
            case kind if kind == BEGIN_CELL_FORMATS:
                inside = True
            case kind if kind == END_CELL_FORMATS:
                inside = False
            case kind if kind == CELL_FORMAT and inside:
                ids.append(struct.unpack_from("<H", body, 2)[0])
    return [number_format(codes.get(id_, GENERAL), from_1904=from_1904) for id_ in ids]


def _related(package: OfficePackage, main: str, kind: str) -> Iterator[tuple[int, bytes]]:
    part = next(iter(package.related(main, kind)), None)
    if part is not None and package.has(part):
        with package.stream(part) as content:
            yield from records(content)


class _CellReader:
    """Reads cells; `texts` and `formats` are what they refer to by number."""

    def __init__(self, texts: Sequence[str], formats: Sequence[NumberFormat]) -> None:
        self._texts = texts
        self._formats = formats

    def cell(self, number: int, body: bytes) -> Cell | None:
        """None for a blank cell, and for a record that is no cell. Its content is behind column and style."""
        if not (CELL_RK <= number <= FORMULA_ERROR or number == CELL_RICH_TEXT):
            return None
        style = struct.unpack_from("<I", body, 4)[0] & _STYLE
        format_of_cell = self._formats[style] if style < len(self._formats) else number_format(GENERAL)
        match number:
            case kind if kind == CELL_RK:
                return NumberCell(packed_number(struct.unpack_from("<I", body, 8)[0]), format_of_cell)
            case kind if kind in {CELL_REAL, FORMULA_NUMBER}:
                return NumberCell(struct.unpack_from("<d", body, 8)[0], format_of_cell)
            case kind if kind in {CELL_ERROR, FORMULA_ERROR}:
                return error_cell(_ERRORS.get(body[8], "#ERROR!"))
            case kind if kind in {CELL_BOOLEAN, FORMULA_BOOLEAN}:
                return truth_cell(value=body[8] != 0)
            case kind if kind == CELL_SHARED:
                return text_cell(self._texts[struct.unpack_from("<I", body, 8)[0]], format_of_cell)
            case kind if kind == CELL_RICH_TEXT:
                return text_cell(wide_text(body, 9), format_of_cell)
        return text_cell(wide_text(body, 8), format_of_cell)
