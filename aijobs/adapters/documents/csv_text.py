"""Writing tables as CSV (RFC 4180), escaped so that a spreadsheet runs no formula in them."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from aijobs.domain.documents.column_values import CellValue
from aijobs.domain.documents.columns import Column

BYTE_ORDER_MARK: Final = "\ufeff"  #: Excel reads CSV as UTF-8 only with it

#: What a spreadsheet may take for the start of a formula, by OWASP's page on CSV injection.
DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

#: The same within a cell: where `;` or a tab separates cells, as in much of Europe, or where a line break ends a row,
#: the rest of a cell is read as a new cell.
_CELL_START: Final = re.compile(
    r"""(^|[;\t\r\n\v\f\x85\u2028\u2029])([ "\xa0\u2000-\u200a\u3000]*)(?=[=+\-@＝＋－＠])"""
)


def csv_header(columns: Sequence[Column]) -> str:
    return BYTE_ORDER_MARK + _lines([[column.name for column in columns]])


def csv_lines(columns: Sequence[Column], rows: Iterable[Mapping[str, CellValue]]) -> str:
    """A line for each row; a text that could be read as a formula gets an apostrophe, numbers do not."""
    return _lines([row.get(column.name) for column in columns] for row in rows)


def _lines(rows: Iterable[Sequence[CellValue]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows([_without_formula(cell) for cell in row] for row in rows)
    return buffer.getvalue()


def _without_formula(cell: CellValue) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case str():
            escaped = _CELL_START.sub(r"\1\2'", cell)
            return f"'{escaped}" if escaped.startswith(DANGEROUS) else escaped
    return str(cell)
