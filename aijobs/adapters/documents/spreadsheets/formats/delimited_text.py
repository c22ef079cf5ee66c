"""Tables as text (.csv, .tsv; RFC 4180 and what programs make of it): any separator, any recognised encoding."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

from aijobs.adapters.documents.encodings.detection import decoded
from aijobs.adapters.documents.spreadsheets.cells import Cell, Sheet, SheetRow, check_width, filled_width
from aijobs.adapters.documents.spreadsheets.formats.decimal_marks import DecimalMark, decimal_mark_of, number_in
from aijobs.domain.documents.column_values import MAX_CELL_LENGTH
from aijobs.domain.errors import UnreadableFile

SEPARATORS: Final = (",", ";", "\t", "|", "，", "；", "\x1f")
SAMPLE_RECORDS: Final = 200
_SAYS_SEPARATOR: Final = "sep="  #: Excel's first line of a file
_MAX_FIELD: Final = 2 * MAX_CELL_LENGTH

SHEET: Final = "CSV"


@contextmanager
def opened_delimited_text(path: Path) -> Iterator[Sequence[Sheet]]:
    """One sheet. Raises UnreadableFile when the encoding is not recognised or a quotation is not closed."""
    text = decoded(path.read_bytes())
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith(_SAYS_SEPARATOR) and len(first.rstrip("\r\n")) == len(_SAYS_SEPARATOR) + 1:
        separator, content, skipped = first[len(_SAYS_SEPARATOR)], rest, 1
    else:
        separator, content, skipped = separator_of(text), text, 0
    mark = decimal_mark_of(_all_texts(content, separator), separator)
    yield [Sheet(name=SHEET, rows=lambda: _rows(content, separator, skipped, mark), is_text=True)]


def separator_of(text: str) -> str:
    """The one that parts most records into the same number of cells, two or more; a comma where none does."""

    def rank(separator: str) -> tuple[float, int]:
        try:
            records = [row for row in islice(_reader(text, separator), SAMPLE_RECORDS) if any(map(str.strip, row))]
        except csv.Error:
            return 0, 0
        widths = Counter(len(row) for row in records)
        common = max((width for width in widths if width > 1), key=lambda width: (widths[width], width), default=0)
        return (widths[common] / len(records) if common else 0), common

    best = max(SEPARATORS, key=rank)
    return best if rank(best)[1] else ","


def _all_texts(text: str, separator: str) -> Iterator[str]:
    with suppress(csv.Error):  # which is reported when the rows are read
        for row in _reader(text, separator):
            yield from row


def _rows(text: str, separator: str, skipped: int, mark: DecimalMark) -> Iterator[SheetRow]:
    reader = _reader(text, separator)
    began = skipped + 1
    try:
        for row in reader:
            cells = [_cell(text, mark) for text in row]
            check_width(filled_width(cells), SHEET)
            if any(cells):
                yield SheetRow(began, cells)
            began = skipped + reader.line_num + 1
    except csv.Error as broken:
        raise UnreadableFile(
            f"The table cannot be read from line {began}: a quotation is not closed, or a cell is too long."
        ) from broken


def _cell(text: str, mark: DecimalMark) -> Cell | None:
    """Columns of texts have the text as it is, others the number."""
    if not text:
        return None
    value, uncertain = number_in(text, mark)
    cell = Cell(value, text)
    if uncertain is not None:
        cell.uncertain_number = uncertain
    return cell


def _reader(text: str, separator: str) -> Any:
    csv.field_size_limit(_MAX_FIELD)
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
