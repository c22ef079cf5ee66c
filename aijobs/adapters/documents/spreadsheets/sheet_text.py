"""The text of a spreadsheet: its cells as people see them, a line for each row, tabs between cells."""

from collections.abc import Iterator, Sequence

from aijobs.adapters.documents.spreadsheets.cell_references import column_letters
from aijobs.adapters.documents.spreadsheets.cells import Cell, Sheet
from aijobs.adapters.documents.spreadsheets.merged_rows import filled_rows
from aijobs.domain.errors import UnreadableFile


def lines_of(sheets: Sequence[Sheet]) -> Iterator[str]:
    """Each sheet that holds something, under its name; of cells that are merged in a row the first one has the text.

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
