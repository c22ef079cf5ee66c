"""Rows in which each cell of a merged range has the range's value, as people read them."""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from aijobs.adapters.documents.spreadsheets.cells import MAX_WIDTH, Cell, MergedRange, Sheet, SheetRow


@dataclass(frozen=True, slots=True)
class FilledRow:
    """`cells` with the values of merged ranges; `spans` are the ranges in this row, by their first columns.

    `own` says that the row holds something itself, not only parts of ranges that begin above it.
    """

    number: int
    cells: Sequence[Cell | None]
    spans: Sequence[MergedRange]
    own: bool


def filled_rows(sheet: Sheet) -> Generator[FilledRow, None, None]:
    """The rows of a sheet that hold something."""
    waiting = deque(sorted(sheet.merges(), key=lambda merged: (merged.first_row, merged.first_column)))
    active: dict[MergedRange, Cell | None] = {}
    for row in sheet.rows():
        while waiting and waiting[0].first_row <= row.number:
            active[waiting.popleft()] = None
        active = {merged: cell for merged, cell in active.items() if merged.last_row >= row.number}
        is_filled = row.is_filled
        if not active:
            if is_filled:
                yield FilledRow(row.number, row.cells, (), own=True)
            continue
        filled = _filled(row, active)
        if is_filled or any(cell is not None and cell.is_filled for cell in filled):
            yield FilledRow(row.number, filled, tuple(active), own=is_filled)


def _filled(row: SheetRow, active: dict[MergedRange, Cell | None]) -> list[Cell | None]:
    """Also keeps the cell of each range that begins in this row."""
    cells = list(row.cells)
    for merged in active:
        if merged.first_row == row.number and merged.first_column < len(cells):
            active[merged] = cells[merged.first_column]
        last = min(merged.last_column, MAX_WIDTH - 1)
        cells.extend([None] * (last + 1 - len(cells)))
        for column in range(merged.first_column, last + 1):
            if cells[column] is None:
                cells[column] = active[merged]
    return cells
