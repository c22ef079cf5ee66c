"""Rows as CSV (RFC 4180), escaped so that a spreadsheet runs no formula in them."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

BYTE_ORDER_MARK: Final = "\ufeff"  #: Excel reads CSV as UTF-8 only with it

#: What a spreadsheet may take for the start of a formula, by OWASP's page on CSV injection.
DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

#: The same within a cell: where `;` or a tab separates cells, as in much of Europe, or where a line break ends a row,
#: the rest of a cell is read as a new cell.
_CELL_START: Final = re.compile(
    r"""(^|[;\t\r\n\v\f\x85\u2028\u2029])([ "\xa0\u2000-\u200a\u3000]*)(?=[=+\-@＝＋－＠])"""
)


def safe_csv(rows: Iterable[Sequence[object]]) -> str:
    """A line for each row; a text that could be read as a formula gets an apostrophe, numbers do not."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows([_without_formula(cell) for cell in row] for row in rows)
    return buffer.getvalue()


def _without_formula(cell: object) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case str():
            escaped = _CELL_START.sub(r"\1\2'", cell)
            return f"'{escaped}" if escaped.startswith(DANGEROUS) else escaped
    return str(cell)
