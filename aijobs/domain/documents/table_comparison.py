"""Compares an extracted table with the known one: rows missed and invented, and right values by column."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from aijobs.domain.documents.column_values import CellValue
from aijobs.domain.documents.templates import Row

MIN_AGREEMENT: Final = 0.5
"""Share of a known row's values that a found row must have to be a reading of it."""


@dataclass(frozen=True)
class WrongCell:
    """A value that differs. `row` is that of the known table, from 0."""

    row: int
    column: str
    expected: CellValue
    found: CellValue


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`missed` are rows of the known table, `invented` those of the found one, from 0; `correct` counts by column."""

    expected: int
    found: int
    missed: Sequence[int] = ()
    invented: Sequence[int] = ()
    wrong: Sequence[WrongCell] = ()
    correct: dict[str, int] = field(default_factory=dict)


def compare(columns: Sequence[str], expected: Sequence[Row], found: Sequence[Row]) -> Comparison:
    """Each row has one counterpart at most: first equal rows, then those that agree in the most values.

    A cell is right where the values are equal, whatever the width of characters and the spaces between words; all cells
    of a missed row are wrong.
    """
    pairs = _pairs(columns, expected, found)
    correct, wrong = dict.fromkeys(columns, 0), list[WrongCell]()
    for known, read in sorted(pairs.items()):
        for name in columns:
            if _is_equal(expected[known].get(name), found[read].get(name)):
                correct[name] += 1
            else:
                wrong.append(WrongCell(known, name, expected[known].get(name), found[read].get(name)))
    return Comparison(
        expected=len(expected),
        found=len(found),
        missed=[index for index in range(len(expected)) if index not in pairs],
        invented=sorted(set(range(len(found))) - set(pairs.values())),
        wrong=wrong,
        correct=correct,
    )


def _pairs(columns: Sequence[str], expected: Sequence[Row], found: Sequence[Row]) -> dict[int, int]:
    places = defaultdict[tuple[str, ...], list[int]](list)
    for index, row in enumerate(found):
        places[_key(columns, row)].append(index)
    pairs = {index: equal.pop(0) for index, row in enumerate(expected) if (equal := places[_key(columns, row)])}
    left = [index for index in range(len(expected)) if index not in pairs]
    free = sorted(set(range(len(found))) - set(pairs.values()))
    alike = sorted(_agreements(columns, expected, found, left, free), reverse=True)
    taken = set[int]()
    for _, known, read in alike:
        if -known not in pairs and read not in taken:
            pairs[-known] = read
            taken.add(read)
    return pairs


def _agreements(
    columns: Sequence[str], expected: Sequence[Row], found: Sequence[Row], left: Sequence[int], free: Sequence[int]
) -> Iterator[tuple[float, int, int]]:
    """Share of agreeing values, known row (negative, so that the first of equals comes first), and found row."""
    for known in left:
        given = [name for name in columns if expected[known].get(name) is not None]
        for read in free:
            same = sum(_is_equal(expected[known][name], found[read].get(name)) for name in given)
            if given and same / len(given) >= MIN_AGREEMENT:
                yield same / len(given), -known, read


def _key(columns: Sequence[str], row: Row) -> tuple[str, ...]:
    return tuple(_plain(row.get(name)) for name in columns)


def _is_equal(one: CellValue, other: CellValue) -> bool:
    return _plain(one) == _plain(other)


def _plain(value: CellValue) -> str:
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, int | float):
        return f"{value:.12g}"
    return " ".join(unicodedata.normalize("NFKC", value).split())
