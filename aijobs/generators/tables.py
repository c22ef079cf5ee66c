"""The table of a model's answer: read, checked against the template's columns, and written as JSON."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from aijobs.domain.documents.column_values import fit_text
from aijobs.domain.documents.sources import ReviewPolicy, RowSources, stored_sources
from aijobs.domain.documents.templates import Row, Template, check_rows, header_key, rows_schema
from aijobs.domain.errors import FieldError
from aijobs.domain.llm import AnswerSchema
from aijobs.generators.answers.rows import key_errors, quotes_in
from aijobs.generators.json_answers import NotJson, read_answer

MAX_SHOWN_LENGTH: Final = 500  #: characters of a value that does not fit
EMPTY: Final = "Must not be empty."


@dataclass(frozen=True)
class MendedValue:
    """What the answer said for one value, such as `1,250` for the number 1250."""

    row: int  #: from 0
    column: str
    written: str


@dataclass(frozen=True)
class Table:
    """A model's answer, checked against the columns.

    `repaired`: it was no strict JSON. `mended`: what it said where a value was read by a rule. `quotes`: what it quotes
    from the document for each row, by column, unchecked. `unfit`: what it said where a value does not fit its column,
    and is empty. `parts`: how many tables of parts it is joined of. `differing`: rows, from 0, that may be one, read in
    two ways.
    """

    rows: tuple[Row, ...] = ()
    problems: tuple[FieldError, ...] = ()
    repaired: bool = False
    mended: tuple[MendedValue, ...] = ()
    quotes: tuple[Mapping[str, str], ...] = ()
    unfit: tuple[MendedValue, ...] = ()
    parts: int = 1
    differing: tuple[tuple[int, int], ...] = ()


async def read_table(template: Template, text: str, *, keep_unfit: bool = False) -> Table:
    """The rows of an answer, or the problems in it.

    With `keep_unfit`, values that do not fit their columns are no problem: they are empty, for a person to fill in.
    """
    names = [column.name for column in template.columns]
    try:
        answer = await read_answer(text, names)
    except NotJson as invalid:
        return Table(problems=(FieldError("", str(invalid)),))
    if lost := await asyncio.to_thread(key_errors, names, answer.data, repaired=answer.repaired):
        return Table(problems=lost, repaired=answer.repaired)
    checked = await asyncio.to_thread(check_rows, template.columns, answer.data, keep_unfit=keep_unfit)
    return Table(
        rows=checked.rows,
        problems=checked.errors,
        repaired=answer.repaired,
        mended=tuple(_mended(names, answer.written)),
        unfit=tuple(
            MendedValue(row=row, column=column, written=_shown(raw)) for (row, column), raw in checked.unfit.items()
        ),
        quotes=tuple(await asyncio.to_thread(quotes_in, answer.data, names)),
    )


async def read_last_table(template: Template, text: str) -> Table:
    """As `read_table`, for an answer that is not asked for again: a person who reviews the table fills in the rest."""
    table = await read_table(template, text)
    if table.problems and template.review is not ReviewPolicy.NEVER:
        return await read_table(template, text, keep_unfit=True)
    return table


def _shown(raw: object) -> str:
    text = raw if isinstance(raw, str) else "" if raw is None else json.dumps(raw, ensure_ascii=False)
    return fit_text(text)[:MAX_SHOWN_LENGTH]


def _mended(names: Sequence[str], written: Mapping[tuple[int, str], str]) -> Iterator[MendedValue]:
    name_of = {header_key(name): name for name in names}
    for (row, key), raw in written.items():
        if header_key(key) in name_of:
            yield MendedValue(row=row, column=name_of[header_key(key)], written=raw)


def answer_schema(template: Template) -> AnswerSchema:
    """What an answer with the template's table must look like."""
    return AnswerSchema(name="table", schema=rows_schema(template.columns, sources=template.sources))


def table_as_json(
    template: Template, table: Table, sources: Sequence[RowSources], spent: Mapping[str, float | None]
) -> bytes:
    """The JSON output of a document job. `sources` are those of each row's values, `spent` tokens and their cost."""
    document = {
        "template": template.id,
        "version": template.version,
        "columns": [column.name for column in template.columns],
        "repaired": table.repaired,
        "mended": [asdict(value) for value in table.mended],
        "parts": table.parts,
        "differing": [list(pair) for pair in table.differing],
        "spent": spent,
        "broken_rules": [
            {"row": row, "column": column, "rules": rules}
            for row, cells in enumerate(sources)
            for column, cell in cells.items()
            if (rules := cell.rules)
        ],
        "rows": _row_dicts(table.rows),
        "sources": [stored_sources(cells) for cells in sources],
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def _row_dicts(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [dict(row) for row in rows]
