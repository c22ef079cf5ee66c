"""How often a row stands in a text: by its values, in the forms in which documents write them."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from aijobs.domain.documents.column_values import CellValue, ColumnType, value_as
from aijobs.domain.documents.templates import Row

_SEPARATOR: Final = re.compile(r"(?<=[0-9])[,'’](?=[0-9]{3})")
_ENDS: Final = re.compile("[0-9a-z]")

MIN_LENGTH: Final = 2
"""Characters of a value that tells something, where others are longer."""


class RowText:
    """A text in which rows are looked for, whatever the case, the width, and commas between digits."""

    def __init__(self, text: str) -> None:
        self._text = _bare(text)

    def count(self, row: Row) -> int:
        """How often at most the row stands in it: as often as its rarest value. 0 where half of them are missing."""
        counts = self._counts(row)
        found = [count for count in counts if count]
        return min(found) if found and 2 * len(found) >= len(counts) else 0

    def most(self, row: Row) -> int:
        """How often at most the row may be in a table of the text: as often as its commonest value; 0 is unknown."""
        return max(self._counts(row), default=0)

    def _counts(self, row: Row) -> list[int]:
        return [max(map(self._count, _forms(value))) for value in _telling(row)]

    def _count(self, form: str) -> int:
        """Not within a longer number or word: `12` does not stand in `3.12`, `HT-1` not in `HT-10`."""
        before = r"(?<![0-9a-z.])" if _ENDS.match(form) else ""
        after = r"(?![0-9a-z]|\.[0-9])" if _ENDS.match(form[-1:]) else ""
        return sum(1 for _ in re.finditer(f"{before}{re.escape(form)}{after}", self._text)) if form else 0


def _telling(row: Row) -> list[CellValue]:
    """Values that can be looked for: no empty ones, no yes or no, and no single characters where others are longer."""
    values: list[CellValue] = [value for value in row.values() if value is not None and not isinstance(value, bool)]
    return [value for value in values if len(_bare(str(value))) >= MIN_LENGTH] or values


def _forms(value: CellValue) -> Iterator[str]:
    """`2026-03-17` is also `2026年3月17日`; 1250.0 is also `1250`."""
    yield _bare(str(value))
    if isinstance(value, int | float):
        yield from (f"{value:.2f}", f"{value:.1f}", *([str(int(value))] if float(value).is_integer() else []))
    if isinstance(value, str) and _is_day(value):
        year, month, day = (int(part) for part in value.split("-"))
        yield from (f"{year}年{month}月{day}日", f"{year}年{month:02}月{day:02}日")
        yield from (f"{year}/{month}/{day}", f"{year}/{month:02}/{day:02}", f"{year}.{month}.{day}")
        yield from (f"{day:02}.{month:02}.{year}", f"{day:02}/{month:02}/{year}", f"{month:02}/{day:02}/{year}")


def _is_day(value: str) -> bool:
    try:
        return value_as(ColumnType.DATE, value) == value
    except ValueError:
        return False


def _bare(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_SEPARATOR.sub("", folded).split())
