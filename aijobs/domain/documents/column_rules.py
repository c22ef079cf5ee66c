"""Which cells of a table break a rule of their column. Nothing is changed: people decide about them."""

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from aijobs.domain.documents.column_values import CellValue
from aijobs.domain.documents.columns import Column, compiled_pattern

PATTERN_TIMEOUT: Final = 0.5
"""Seconds of processor time that a column's pattern may take over all of the values."""

MAX_MATCHED_LENGTH: Final = 2000
"""Characters: a longer text is not matched, and breaks its pattern."""

BrokenRules = Mapping[tuple[int, str], tuple["ColumnRule", ...]]
"""By row, from 0, and column."""


class ColumnRule(StrEnum):
    """A rule that a value can break."""

    PATTERN = "pattern"
    RANGE = "range"
    ONE_OF = "one_of"
    UNIQUE = "unique"
    SUM = "sum_equals"
    TYPE = "type"  #: it is not of the column's type, or is missing where it must not be


def broken_rules(columns: Sequence[Column], rows: Sequence[Mapping[str, CellValue]]) -> BrokenRules:
    """The rules that each cell breaks, of those that break any. Takes PATTERN_TIMEOUT seconds for a column at most."""
    found = defaultdict[tuple[int, str], list[ColumnRule]](list)
    for column in columns:
        values = {index: value for index, row in enumerate(rows) if (value := row.get(column.name)) is not None}
        for rule, broken in _breaks(column, values, rows):
            found[broken, column.name].append(rule)
    return {cell: tuple(rules) for cell, rules in found.items()}


def _breaks(
    column: Column, values: Mapping[int, CellValue], rows: Sequence[Mapping[str, CellValue]]
) -> Iterator[tuple[ColumnRule, int]]:
    if column.pattern is not None:
        yield from ((ColumnRule.PATTERN, index) for index in _unmatched(column.pattern, values))
    for index, value in values.items():
        if _is_outside(value, column.minimum, column.maximum):
            yield ColumnRule.RANGE, index
        if column.one_of and value not in column.one_of:
            yield ColumnRule.ONE_OF, index
    if column.unique:
        yield from ((ColumnRule.UNIQUE, index) for index in _repeated(values))
    if column.sum_equals is not None:
        yield from ((ColumnRule.SUM, index) for index in _wrong_sums(column, column.sum_equals, rows))


def _unmatched(pattern: str, values: Mapping[int, CellValue]) -> Iterator[int]:
    """Those too that could not be tried in time."""
    compiled, left = compiled_pattern(pattern), PATTERN_TIMEOUT
    for index, value in values.items():
        text = str(value)
        started = time.thread_time()
        try:
            matches = left > 0 and len(text) <= MAX_MATCHED_LENGTH
            matches = matches and compiled.fullmatch(text, timeout=left, concurrent=True) is not None
        except (TimeoutError, MemoryError):
            matches, left = False, 0.0
        left -= time.thread_time() - started
        if not matches:
            yield index


def _is_outside(value: Any, minimum: Any, maximum: Any) -> bool:
    """Days compare as they are written, `2026-11-21`."""
    return (minimum is not None and value < minimum) or (maximum is not None and value > maximum)


def _repeated(values: Mapping[int, CellValue]) -> Iterator[int]:
    """The second and later ones of equal values, and the first of them."""
    places = defaultdict[CellValue, list[int]](list)
    for index, value in values.items():
        places[value.strip() if isinstance(value, str) else value].append(index)
    for indexes in places.values():
        if len(indexes) > 1:
            yield from indexes


def _wrong_sums(column: Column, total: str, rows: Sequence[Mapping[str, CellValue]]) -> Iterator[int]:
    """The rows whose `total` is not the sum over the rows of their group. A row without a total is not checked."""
    sums = defaultdict[CellValue, Decimal](Decimal)
    for row in rows:
        sums[_group(column, row)] += _decimal(row.get(column.name))
    for index, row in enumerate(rows):
        stated = row.get(total)
        if stated is not None and row.get(column.name) is not None and _decimal(stated) != sums[_group(column, row)]:
            yield index


def _group(column: Column, row: Mapping[str, CellValue]) -> CellValue:
    return None if column.sum_per is None else row.get(column.sum_per)


def _decimal(value: CellValue) -> Decimal:
    """As the number is written: 0.1 + 0.2 is 0.3."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return Decimal()
    return Decimal(str(value))
