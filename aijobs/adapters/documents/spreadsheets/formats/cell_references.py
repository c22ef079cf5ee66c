"""References to cells, such as `B12` and `A1:C3`."""

from functools import lru_cache

from aijobs.adapters.documents.spreadsheets.cells import MergedRange
from aijobs.domain.errors import UnreadableFile


@lru_cache(maxsize=4096)
def column_of(letters: str) -> int:
    """A is 0. Raises UnreadableFile for what are no letters of a column."""
    column = 0
    for letter in letters.upper().replace("$", ""):
        if not "A" <= letter <= "Z" or column > 26**4:
            raise UnreadableFile("The workbook is damaged: a cell says no place.")
        column = column * 26 + ord(letter) - 64
    return column - 1


def column_of_cell(reference: str) -> int:
    """Of `B12`: 1."""
    return column_of(reference.rstrip("0123456789"))


def column_letters(column: int) -> str:
    """The opposite of `column_of`."""
    letters = ""
    while column >= 0:
        letters = chr(65 + column % 26) + letters
        column = column // 26 - 1
    return letters


def merged_range(reference: str) -> MergedRange:
    """Of `A1:C3`, in any order of its corners."""
    first, _, last = reference.partition(":")
    corners = [(_row_of(corner), column_of_cell(corner)) for corner in (first, last or first)]
    rows, columns = zip(*corners, strict=True)
    return MergedRange(min(rows), min(columns), max(rows), max(columns))


def _row_of(reference: str) -> int:
    digits = reference.replace("$", "").lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    if not digits.isdecimal():
        raise UnreadableFile("The workbook is damaged: a cell says no place.")
    return int(digits)
