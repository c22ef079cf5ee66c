"""A person's review of an extracted table: corrections, and what they make of its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from aijobs.domain.documents.column_rules import ColumnRule, broken_rules
from aijobs.domain.documents.column_values import CellValue
from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.sources import CellSource, Mark
from aijobs.domain.documents.templates import Row, cell_value
from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.values.json_pointer import pointer

MAX_CORRECTED_ROWS: Final = 1000  #: of one review; there may be more reviews


class RowCorrection(BaseModel):
    """One row: new `values`, by column. A value that is sent as it is confirms it.

    Without a `row`, the values are a new one, at the end; `remove` takes a row away.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: StrictInt | None = Field(default=None, ge=1, description="`row_number` of the row")
    values: dict[str, CellValue] = {}
    remove: StrictBool = False


class DocumentReview(BaseModel):
    """A person's corrections. `accept`: the table is good now, and needs no review any more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: tuple[RowCorrection, ...] = Field(default=(), max_length=MAX_CORRECTED_ROWS)
    accept: StrictBool = False


class ChangeKind(StrEnum):
    """What a person did."""

    CHANGED = "changed"  #: a value
    CONFIRMED = "confirmed"  #: a value that was marked
    ADDED = "added"  #: a row
    REMOVED = "removed"  #: a row
    ACCEPTED = "accepted"  #: the whole table


@dataclass(frozen=True, kw_only=True)
class TableChange:
    """One act of a review. `before` and `after` are values by column."""

    kind: ChangeKind
    row: int | None = None
    before: Mapping[str, CellValue] = field(default_factory=dict)
    after: Mapping[str, CellValue] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NumberedRow:
    """A row with its number, and where its values come from."""

    number: int
    values: Row
    sources: Mapping[str, CellSource]


@dataclass(frozen=True, kw_only=True)
class ReviewedTable:
    """All rows after a review, and what was done to them."""

    rows: tuple[NumberedRow, ...]
    changes: tuple[TableChange, ...]


def reviewed(columns: Sequence[Column], rows: Sequence[NumberedRow], review: DocumentReview) -> ReviewedTable:
    """Apply the corrections, all or none. Raises InvalidParameters that names each wrong row, column or value."""
    table = {row.number: row for row in rows}
    changes, errors = list[TableChange](), list[FieldError]()
    for index, correction in enumerate(review.rows):
        wrong = _unknown(columns, table, correction)
        if not wrong:
            values, wrong = _typed(columns, correction)
            changes += _applied(columns, table, correction, values) if not wrong else ()
        errors += [FieldError(pointer("rows", index, *where), message) for where, message in wrong.items()]
    if errors:
        raise InvalidParameters("Some corrections cannot be taken.", *errors)
    if review.accept:
        changes.append(TableChange(kind=ChangeKind.ACCEPTED))
    return ReviewedTable(rows=tuple(_with_rules(columns, [*table.values()])), changes=tuple(changes))


Wrong = dict[tuple[str, ...], str]
"""Messages by position in a correction."""


def _unknown(columns: Sequence[Column], table: Mapping[int, NumberedRow], correction: RowCorrection) -> Wrong:
    names = {column.name for column in columns}
    unknown = [name for name in correction.values if name not in names]
    wrong: Wrong = {("values", name): "Is no column of the template." for name in unknown}
    if correction.row is not None and correction.row not in table:
        wrong["row",] = "There is no such row."
    if correction.remove and (correction.row is None or correction.values):
        wrong["remove",] = "Goes with the number of a row, and with nothing else."
    return wrong


def _typed(columns: Sequence[Column], correction: RowCorrection) -> tuple[Row, Wrong]:
    """The values in their columns' types; of a new row all of them."""
    values, wrong = Row(), Wrong()
    for column in columns:
        if column.name in correction.values or (correction.row is None and not correction.remove):
            try:
                values[column.name] = cell_value(column, correction.values.get(column.name))
            except ValueError as unfit:
                wrong["values", column.name] = str(unfit)
    return values, wrong


def _applied(
    columns: Sequence[Column], table: dict[int, NumberedRow], correction: RowCorrection, values: Row
) -> list[TableChange]:
    if correction.row is None:
        number = max(table, default=0) + 1
        sources = {column.name: CellSource(marks=(Mark.CHANGED,)) for column in columns}
        table[number] = NumberedRow(number=number, values=values, sources=sources)
        return [TableChange(kind=ChangeKind.ADDED, row=number, after=values)]
    row = table[correction.row]
    if correction.remove:
        del table[row.number]
        return [TableChange(kind=ChangeKind.REMOVED, row=row.number, before=row.values)]
    sources, changes = dict(row.sources), list[TableChange]()
    for name, value in values.items():
        known, before = sources.get(name, CellSource()), row.values.get(name)
        if value != before or isinstance(value, bool) is not isinstance(before, bool):
            marks = tuple(mark for mark in known.marks if mark is not Mark.CHANGED)
            sources[name] = known.model_copy(update={"marks": (*marks, Mark.CHANGED)})
            kind = ChangeKind.CHANGED
        elif known.is_doubtful:
            sources[name] = known.model_copy(update={"confirmed": True})
            kind = ChangeKind.CONFIRMED
        else:
            continue
        changes.append(TableChange(kind=kind, row=row.number, before={name: before}, after={name: value}))
    table[row.number] = replace(row, values={**row.values, **values}, sources=sources)
    return changes


def _with_rules(columns: Sequence[Column], rows: Sequence[NumberedRow]) -> list[NumberedRow]:
    """A correction can mend a sum in other rows too, or break it."""
    broken = broken_rules(columns, [row.values for row in rows])
    result = list[NumberedRow]()
    for index, row in enumerate(rows):
        sources = dict(row.sources)
        for column in columns:
            rules, known = broken.get((index, column.name), ()), sources.get(column.name, CellSource())
            if ColumnRule.TYPE in known.rules and Mark.CHANGED not in known.marks:
                rules = (ColumnRule.TYPE, *rules)
            if rules != known.rules:
                marks: list[Mark] = [mark for mark in known.marks if mark is not Mark.OUT_OF_RULE]
                marks += [Mark.OUT_OF_RULE] if rules else []
                confirmed = known.confirmed and set(rules) <= set(known.rules)  # of a new rule nobody has said anything
                changed = {"rules": rules, "marks": tuple(marks), "confirmed": confirmed}
                sources[column.name] = known.model_copy(update=changed)
        result.append(replace(row, sources=sources))
    return result
