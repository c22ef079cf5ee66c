"""The table of a whole document, of the tables of its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aijobs.domain.documents.sources import ReviewPolicy
from aijobs.domain.documents.templates import Row, Template
from aijobs.domain.errors import FieldError
from aijobs.domain.values.json_pointer import pointer
from aijobs.generators.parts.joining import PartRows, join
from aijobs.generators.tables import EMPTY, MendedValue, Table


def joined_table(template: Template, tables: Sequence[Table], overlaps: Sequence[str]) -> Table:
    """Required cells that no part has are its problems, or what a person has to fill in, where the template says so."""
    if len(tables) == 1:
        return tables[0]
    parts = [PartRows(table.rows, overlap) for table, overlap in zip(tables, overlaps, strict=True)]
    joined = join(template.columns, parts)
    empty = [
        (place, column.name)
        for place, row in enumerate(joined.rows)
        for column in template.columns
        if column.required and row[column.name] is None
    ]
    is_reviewed = template.review is not ReviewPolicy.NEVER
    place_of = {origin: place for place, origins in enumerate(joined.origins) for origin in origins}
    return Table(
        rows=tuple(joined.rows),
        problems=() if is_reviewed else tuple(FieldError(pointer("rows", *cell), EMPTY) for cell in empty),
        repaired=any(table.repaired for table in tables),
        mended=_moved([table.mended for table in tables], place_of),
        unfit=_unfit(tables, place_of, empty if is_reviewed else ()),
        quotes=tuple(_quotes(tables, row, origins) for row, origins in zip(joined.rows, joined.origins, strict=True))
        if template.sources
        else (),
        parts=len(tables),
        differing=tuple(joined.differing),
    )


def _moved(values: Sequence[Sequence[MendedValue]], place_of: Mapping[tuple[int, int], int]) -> tuple[MendedValue, ...]:
    """Values of the parts' rows as those of the whole table's."""
    return tuple(
        replace(value, row=place_of[number, value.row])
        for number, part in enumerate(values)
        for value in part
        if (number, value.row) in place_of
    )


def _unfit(
    tables: Sequence[Table], place_of: Mapping[tuple[int, int], int], empty: Sequence[tuple[int, str]]
) -> tuple[MendedValue, ...]:
    told = _moved([table.unfit for table in tables], place_of)
    known = {(value.row, value.column) for value in told}
    return told + tuple(MendedValue(row, name, "") for row, name in empty if (row, name) not in known)


def _quotes(tables: Sequence[Table], row: Row, origins: Sequence[tuple[int, int]]) -> dict[str, str]:
    """Each value's quotation is that of a reading which has this value."""
    quotes = dict[str, str]()
    for number, index in origins:
        table = tables[number]
        for name, quote in table.quotes[index].items() if index < len(table.quotes) else ():
            if table.rows[index][name] == row[name]:
                quotes.setdefault(name, quote)
    return quotes
