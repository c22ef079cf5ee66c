"""Writing tables as CSV (RFC 4180), so that a spreadsheet that opens one runs nothing of it."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from aijobs.domain.documents.column_values import CellValue
from aijobs.domain.documents.templates import Column

MARK: Final = "\ufeff"  #: Excel takes CSV for UTF-8 only with it

#: What a spreadsheet may take for the start of a formula, by OWASP's page on CSV injection.
DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

#: The same within a cell: where `;` or a tab parts cells, as in much of Europe, or where a line break ends a row, the
#: rest of a cell is a cell of its own.
_PARTED: Final = re.compile(r"""(^|[;\t\r\n\v\f\x85\u2028\u2029])([ "\xa0\u2000-\u200a\u3000]*)(?=[=+\-@＝＋－＠])""")


def csv_header(columns: Sequence[Column]) -> str:
    return MARK + _lines([[column.name for column in columns]])


def csv_lines(columns: Sequence[Column], rows: Iterable[Mapping[str, CellValue]]) -> str:
    """A line for each row; what could be a formula in a text gets an apostrophe before it, numbers do not."""
    return _lines([row.get(column.name) for column in columns] for row in rows)


def _lines(rows: Iterable[Sequence[CellValue]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows([_harmless(cell) for cell in row] for row in rows)
    return written.getvalue()


def _harmless(cell: CellValue) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case str():
            parted = _PARTED.sub(r"\1\2'", cell)
            return f"'{parted}" if parted.startswith(DANGEROUS) else parted
    return str(cell)
