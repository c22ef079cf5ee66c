"""Joins the tables of a document's parts: a row that two parts have is one, and no row is lost.

Two rows are the same where all of their values are, they stand at the end of one part and at the beginning of the
next, in the same order, and the repeated lines hold the row as often as that. Everything else is kept; two readings of
one row that differ are kept both, and named.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.templates import Row
from aijobs.generators.parts.row_text import RowText

MAX_OVERLAP: Final = 500  #: rows of one overlap


@dataclass(frozen=True)
class PartRows:
    """The rows of one part, and the lines of it that the part before it has too."""

    rows: Sequence[Row]
    overlap: str = ""


@dataclass
class JoinedRows:
    """`origins` are the readings that each row is made of: part and row, from 0.

    `differing` are pairs of rows that may be one, read in two ways.
    """

    rows: list[Row] = field(default_factory=list)
    origins: list[list[tuple[int, int]]] = field(default_factory=list)
    differing: list[tuple[int, int]] = field(default_factory=list)


def join(columns: Sequence[Column], parts: Sequence[PartRows]) -> JoinedRows:
    """The rows of all parts, in order."""
    if len(parts) > 1 and all(len(part.rows) <= 1 for part in parts):
        return _one_row(columns, parts)
    joined, before = JoinedRows(), list[int]()
    for number, part in enumerate(parts):
        before = _append(joined, before, columns, number, part)
    return joined


def _append(
    joined: JoinedRows, before: Sequence[int], columns: Sequence[Column], number: int, part: PartRows
) -> list[int]:
    """Add the rows of a part. `before` are the places of the rows of the part before it; returns those of this one."""
    window = min(MAX_OVERLAP, sum(bool(line.strip()) for line in part.overlap.splitlines()) + 1) if part.overlap else 0
    joint = _Joint(joined.rows, before[len(before) - min(window, len(before)) :], part.rows[:window], part.overlap)
    same = joint.same()
    readings = joint.other_readings(same)
    places = list[int]()
    for index, row in enumerate(part.rows):
        other = readings.get(index)
        if index in same:
            places.append(same[index])
        elif other is not None and (fuller := _fuller(columns, joined.rows[other], row)) is not None:
            joined.rows[other] = fuller
            joined.origins[other].append((number, index))
            places.append(other)
        else:
            places.append(len(joined.rows))
            joined.rows.append(row)
            joined.origins.append([(number, index)])
            if other is not None:
                joined.differing.append((other, places[-1]))
    return places


class _Joint:
    """Where two parts meet: the last rows of one, by their places in `rows`, and the first of the other."""

    def __init__(self, rows: Sequence[Row], tail: Sequence[int], head: Sequence[Row], overlap: str) -> None:
        self._tail = {place: rows[place] for place in tail}
        self._head = head
        self._text = RowText(overlap)
        telling = [*self._tail.values(), *head]
        self._varying = [name for name in (head[0] if head else {}) if len({repr(row[name]) for row in telling}) > 1]
        self._equal = list(_common([repr(row) for row in self._tail.values()], [repr(row) for row in head]))
        self._places = list(tail)

    def same(self) -> dict[int, int]:
        """For each row of the other part that is there already, its place."""
        left, same = Counter[str](), dict[int, int]()
        for at, index in self._equal:
            key = repr(self._head[index])
            if key not in left:
                left[key] = self._count(self._head[index])
            if left[key] > 0:
                left[key] -= 1
                same[index] = self._places[at]
        return same

    def other_readings(self, same: Mapping[int, int]) -> dict[int, int]:
        """The same for rows that may be one with a row there, but were read in another way or do not stand there."""
        readings = {index: self._places[at] for at, index in self._equal if index not in same}
        free = [place for place in self._places if place not in {*same.values(), *readings.values()}]
        for index, row in enumerate(self._head):
            if index in same or index in readings or not self._count(row):
                continue
            alike = next((place for place in free if self._is_alike(self._tail[place], row)), None)
            if alike is not None:
                readings[index] = alike
                free.remove(alike)
        return readings

    def _count(self, row: Row) -> int:
        return self._text.count({name: row[name] for name in self._varying} if self._varying else row)

    def _is_alike(self, one: Row, other: Row) -> bool:
        """Whether half of the values that tell rows apart agree."""
        given = [name for name in self._varying if one[name] is not None and other[name] is not None]
        return 2 * sum(one[name] == other[name] for name in given) >= max(1, len(given))


def _common(one: Sequence[str], other: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Positions of a longest common subsequence: of several, one that is late in `one` and early in `other`."""
    longest = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one) - 1, -1, -1):
        for j in range(len(other) - 1, -1, -1):
            is_equal = one[i] == other[j]
            longest[i][j] = longest[i + 1][j + 1] + 1 if is_equal else max(longest[i + 1][j], longest[i][j + 1])
    i = j = 0
    while i < len(one) and j < len(other):
        if longest[i + 1][j] == longest[i][j]:
            i += 1
        elif one[i] == other[j]:
            yield i, j
            i, j = i + 1, j + 1
        else:
            j += 1


def _fuller(columns: Sequence[Column], one: Row, other: Row) -> Row | None:
    """Of a row that is cut at the end of a part, and its other reading, the one that has all values; else None."""
    for cut, whole in ((one, other), (other, one)):
        is_cut = any(column.required and cut[column.name] is None for column in columns)
        if is_cut and all(value is None or value == whole[name] for name, value in cut.items()):
            return whole
    return None


def _one_row(columns: Sequence[Column], parts: Sequence[PartRows]) -> JoinedRows:
    """Of a document that is one row, each part tells some values: they are put together where none contradicts."""
    joined = JoinedRows()
    for number, part in enumerate(parts):
        for row in part.rows:
            place = next(
                (at for at, other in enumerate(joined.rows) if _complete_each_other(columns, other, row)), None
            )
            if place is not None:
                other = joined.rows[place]
                joined.rows[place] = {name: row[name] if other[name] is None else other[name] for name in row}
                joined.origins[place].append((number, 0))
                continue
            if joined.rows:
                joined.differing.append((0, len(joined.rows)))
            joined.rows.append(row)
            joined.origins.append([(number, 0)])
    return joined


def _complete_each_other(columns: Sequence[Column], one: Row, other: Row) -> bool:
    """They contradict each other nowhere, and agree somewhere, or one of them is no whole row by itself."""
    both = [name for name in one if one[name] is not None and other[name] is not None]
    lacking = any(column.required and None in (one[column.name], other[column.name]) for column in columns)
    return all(one[name] == other[name] for name in both) and (bool(both) or lacking)
