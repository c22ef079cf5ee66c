"""Where the values of a model's table come from: its quotations, checked against the document, and what is doubtful."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from aijobs.domain.documents.column_rules import ColumnRule, broken_rules
from aijobs.domain.documents.column_values import CellValue
from aijobs.domain.documents.formats import ReadDocument
from aijobs.domain.documents.quotations import QuotedDocument, anchor_of, nearest, stands_in
from aijobs.domain.documents.sources import CellSource, Mark, Quotation
from aijobs.domain.documents.templates import Template
from aijobs.generators.tables import Table

SEARCH_TIME: Final = 60.0  #: seconds of processor time, for all quotations of a table

Quotes = Mapping[str, str]
"""What an answer quotes for a row, by column."""


def cell_sources(template: Template, table: Table, document: ReadDocument | None) -> list[dict[str, CellSource]]:
    """Of each row, by column. Not for an event loop: it takes time with the document's length and the rows.

    Without a document, no quotation can be checked, and every one is marked.
    """
    broken = broken_rules(template.columns, table.rows)
    written = {(value.row, value.column): value.written for value in table.mended}
    unfit = {(value.row, value.column): value.written for value in table.unfit}
    quoted = _quotations(table, document) if template.sources else {}
    rows = list[dict[str, CellSource]]()
    for index, row in enumerate(table.rows):
        quotes = table.quotes[index] if index < len(table.quotes) else {}
        cells = dict[str, CellSource]()
        for name, value in row.items():
            at = (index, name)
            rules = ((ColumnRule.TYPE,) if at in unfit else ()) + broken.get(at, ())
            marks = [Mark.MENDED] if at in written else []
            if template.sources and value is not None:
                marks += _marks(value, quotes.get(name), quoted.get(at))
            if rules:
                marks.append(Mark.OUT_OF_RULE)
            has_source = value is not None or at in unfit
            place = quoted.get(at) if has_source else None
            cell = CellSource(
                quote=quotes.get(name) if has_source else None,
                page=place.page if place else None,
                box=place.box if place else None,
                marks=tuple(marks),
                rules=rules,
                written=unfit.get(at) or written.get(at),
            )
            if cell != CellSource():
                cells[name] = cell
        rows.append(cells)
    return rows


def _marks(value: CellValue, quote: str | None, found: Quotation | None) -> Iterator[Mark]:
    if quote is None:
        yield Mark.NO_SOURCE
    elif found is None or not stands_in(value, quote):
        yield Mark.NOT_IN_SOURCE


def _quotations(table: Table, document: ReadDocument | None) -> dict[tuple[int, str], Quotation]:
    """Those that are in the document. One with several places is taken where the others of its row are.

    What SEARCH_TIME does not suffice for counts as not found.
    """
    if document is None:
        return {}
    searched, last = QuotedDocument(document.text, document.pages), None
    deadline = time.thread_time() + SEARCH_TIME
    known, found = dict[str, Sequence[int]](), dict[tuple[int, str], Quotation]()
    for index, quotes in enumerate(table.quotes):
        for quote in quotes.values():
            if quote not in known:
                known[quote] = searched.places(quote) if time.thread_time() < deadline else ()
        anchor = anchor_of([known[quote] for quote in quotes.values()])
        anchor = last if anchor is None else anchor
        for name, quote in quotes.items():
            if places := known[quote]:
                found[index, name] = searched.quotation(quote, nearest(places, anchor))
        last = anchor
    return found
