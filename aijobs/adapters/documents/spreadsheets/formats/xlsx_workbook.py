"""Excel workbooks (.xlsx) in the transitional and the Strict variant: values, formulas, errors, and what cells show.

Every sheet is read in one pass over its XML (ECMA-376, part 1, 18.3): no library gives a cell's value together with
whether it was ever computed, how it is shown, and how its number was written.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Final

from aijobs.adapters.documents.archives.office_package import OfficePackage, attribute, child
from aijobs.adapters.documents.spreadsheets.cells import MergedRange, Sheet, SheetRow, check_width
from aijobs.adapters.documents.spreadsheets.formats.cell_references import merged_range
from aijobs.adapters.documents.spreadsheets.formats.xlsx_cells import CellReader, inline_text
from aijobs.adapters.documents.spreadsheets.formats.xml_rows import Element, elements
from aijobs.adapters.documents.spreadsheets.number_formats import BUILT_IN, GENERAL, NumberFormat, number_format
from aijobs.domain.errors import UnreadableFile

WORKSHEET: Final = "worksheet"  #: the end of a relation's type
CHUNK_BYTES: Final = 1024 * 1024
_TRUE: Final = frozenset({"1", "true"})
#: Whether a sheet has merged ranges, in UTF-8 or UTF-16.
_MERGES: Final = re.compile(rb"m\0?e\0?r\0?g\0?e\0?C\0?e\0?l\0?l\0?s")
_LONGEST_MATCH: Final = 20


@dataclass(frozen=True)
class XlsxWorkbook:
    """An opened workbook. `recalculates`: it asks to be computed when it is opened, as programs without values do."""

    package: OfficePackage
    main: str
    from_1904: bool
    recalculates: bool

    @classmethod
    def of(cls, package: OfficePackage) -> "XlsxWorkbook":
        main = package.find_main_part() or "xl/workbook.xml"
        root = package.xml(main)
        if root is None:
            raise UnreadableFile("The workbook is damaged: its main part is missing.")
        return cls(
            package,
            main,
            from_1904=attribute(child(root, "workbookPr"), "date1904") in _TRUE,
            recalculates=attribute(child(root, "calcPr"), "fullCalcOnLoad") in _TRUE,
        )

    def sheets(self) -> Iterator[Sheet]:
        relations = self.package.relations(self.main)
        cells = CellReader(self._shared_texts(), self._formats(), recalculates=self.recalculates)
        for element in _children(self.package.xml(self.main), "sheets"):
            name = attribute(element, "name") or ""
            relation = relations.get(attribute(element, "id") or "")
            if relation is None or relation.part is None:
                raise UnreadableFile(f"The workbook is damaged: its sheet {name!r} is missing.")
            if relation.kind != WORKSHEET:
                yield Sheet(name=name, rows=lambda: iter(()), note="a chart or a macro sheet, which is not read")
                continue
            yield Sheet(
                name=name,
                rows=partial(self._rows, relation.part, name, cells),
                merges=cache(partial(self._merges, relation.part)),
                is_hidden=attribute(element, "state") in {"hidden", "veryHidden"},
            )

    def _rows(self, part: str, name: str, cells: CellReader) -> Iterator[SheetRow]:
        last = 0
        with self.package.stream(part) as content:
            for element in elements(content, "row"):
                number = int(element.get("r") or last + 1)
                if number <= last:
                    raise UnreadableFile(f"The sheet {name!r} is damaged: its rows are not in order.")
                last = number
                row = cells.row(element)
                check_width(len(row), name)
                if row:
                    yield SheetRow(number, row)

    def _merges(self, part: str) -> Sequence[MergedRange]:
        if not self._has_merges(part):
            return ()
        with self.package.stream(part) as content:
            found = [element.get("ref") for element in elements(content, "row", "mergeCell") if element.get("ref")]
        return [merged_range(reference) for reference in found]

    def _has_merges(self, part: str) -> bool:
        """They come after all rows: a look at the bytes spares most sheets a second pass."""
        with self.package.stream(part) as content:
            kept = b""
            while chunk := content.read(CHUNK_BYTES):
                if _MERGES.search(kept + chunk):
                    return True
                kept = chunk[-_LONGEST_MATCH:]
        return False

    def _shared_texts(self) -> list[str]:
        part = next(iter(self.package.related(self.main, "sharedStrings")), None)
        if part is None or not self.package.has(part):
            return []
        with self.package.stream(part) as content:
            return [inline_text(element) for element in elements(content, "si")]

    def _formats(self) -> list[NumberFormat]:
        """By the numbers of cells' styles."""
        root = self.package.related_xml(self.main, "styles")
        codes = dict(BUILT_IN)
        for element in _children(root, "numFmts"):
            codes[int(attribute(element, "numFmtId") or 0)] = attribute(element, "formatCode") or GENERAL
        ids = [int(attribute(element, "numFmtId") or 0) for element in _children(root, "cellXfs")]
        return [number_format(codes.get(id_, GENERAL), from_1904=self.from_1904) for id_ in ids]


def _children(root: Element | None, name: str) -> Sequence[Element]:
    """Of the root's first child of that name; none without it."""
    parent = child(root, name)
    return () if parent is None else list(parent)
