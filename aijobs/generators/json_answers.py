"""Reads the table, or another JSON value, that a model's answer gives.

An answer may hold several documents. Which of them count:

=================================  ============================  ==========================================
the answer has                     between them stand            then
=================================  ============================  ==========================================
one table, other documents too                                   the table
several tables                     nothing, commas, fences, list all of them, joined in their order;
                                   markers, "page 2", 续表, …    ask again where one repeats another
several tables, or the same again  words of a correction, or     the last, where every earlier row has its
                                   "final answer"                counterpart in it
the same table again               other words                   the table, once
several tables                     other words                   ask again
a table                            words of doubt *behind* it,   ask again
                                   "95 more rows", 其余省略,
                                   "for example" before it
=================================  ============================  ==========================================

Ask again (NotJson) too: what is cut off, a key that stands twice, several lists of rows in one document, a thought that
is not closed, a closing bracket without an opening one.
"""

import asyncio
import itertools
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aijobs.generators.answers.documents import MAX_REPAIRED, JsonDocument, NotJson, documents_in
from aijobs.generators.answers.rows import Rows, rows_in
from aijobs.generators.answers.thoughts import has_open_thought, without_thoughts
from aijobs.generators.answers.words import Joint, is_draft, is_example, joint_of, says_doubt

__all__ = ["MAX_REPAIRED", "JsonAnswer", "NotJson", "read_answer"]


@dataclass(frozen=True)
class JsonAnswer:
    """The JSON of an answer.

    `repaired`: it was no strict JSON, and was read by the rules of `tolerant_json`. `written`: what the answer said, by
    row and key, for values that needed such a rule.
    """

    data: Any
    repaired: bool
    written: Mapping[tuple[int, str], str] = field(default_factory=dict)


async def read_answer(text: str, columns: Sequence[str] = ()) -> JsonAnswer:
    """The answer's JSON: with `columns`, the table that has them. Raises NotJson.

    Runs in a thread: parsing a large answer would block the event loop.
    """
    return await asyncio.to_thread(_read, text, columns)


def _read(text: str, columns: Sequence[str]) -> JsonAnswer:
    text = _unquoted(without_thoughts(text, of_table=True))
    documents = documents_in(text)
    if not documents:
        raise NotJson("It is not JSON.")
    tables = [(document, rows) for document in documents if (rows := rows_in(document.data, columns)) is not None]
    filled = [pair for pair in tables if pair[1].items]
    if filled:  # an empty draft counts only where nothing else came before it
        tables = tables[tables.index(filled[0]) :]
    if not tables:
        if len(documents) > 1:
            raise NotJson("It holds several JSON documents, and none is the one that was asked for.")
        tables = [(documents[0], Rows(()))]
    if says_doubt(text[tables[-1][0].end :]):
        raise NotJson("It doubts its own table behind it, or says that rows are missing.")
    if is_example(text[: tables[-1][0].start]):
        raise NotJson("It calls its table an example.")
    if has_open_thought(text):
        raise NotJson("It ends within a thought.")
    return _answer_of(_chosen(text, tables, must_cover=bool(columns)))


def _unquoted(text: str) -> str:
    """The JSON of an answer that is one JSON string."""
    bare = text.strip().removeprefix("\ufeff")
    if not bare.startswith('"'):
        return text
    try:
        inner = json.loads(bare)
    except (ValueError, RecursionError):
        return text
    return inner if isinstance(inner, str) else text


Table = tuple[JsonDocument, Rows]


def _chosen(text: str, tables: Sequence[Table], *, must_cover: bool) -> Sequence[Table]:
    """The tables that count. Raises NotJson where that is uncertain."""
    if len(tables) == 1:
        return tables
    joints = list[Joint]()
    for (one, _), (other, _) in itertools.pairwise(tables):
        joint = joint_of(text[one.end : other.start])
        from_draft = joint is Joint.CONTINUES and is_draft(text[: one.start])
        joints.append(Joint.UNKNOWN if from_draft else joint)
    if Joint.CORRECTS in joints:
        last = len(joints) - joints[::-1].index(Joint.CORRECTS)
        return _correction(tables[:last] if must_cover else (), tables[last:], joints[last:])
    if Joint.UNKNOWN in joints:
        if all(rows.items == tables[0][1].items for _, rows in tables):
            return tables[-1:]
        raise NotJson("It holds several tables, and does not say whether they belong together. Give one.")
    return _parts(tables)


def _parts(tables: Sequence[Table]) -> Sequence[Table]:
    """Parts of one table. Raises NotJson for parts of different shapes, and for a list of rows that comes twice."""
    if len({rows.is_list for _, rows in tables}) > 1:
        raise NotJson("It holds rows in several shapes. Give one list of rows.")
    lists = [rows.items for _, rows in tables if rows.is_list and rows.items]
    rows_by_first = defaultdict[str, list[tuple[int, Any]]](list)
    for number, items in enumerate(lists):
        for row in items:
            rows_by_first[_first(row)].append((number, row))
    if any(all(_has_twin(row, rows_by_first, number) for row in items) for number, items in enumerate(lists)):
        raise NotJson("It holds a list of rows twice, or with other values. Give one list.")
    return tables


def _has_twin(row: Any, rows_by_first: Mapping[str, Sequence[tuple[int, Any]]], number: int) -> bool:
    """Whether another list than this one has the row, by its first value and half of the others."""
    return any(other != number and (row == twin or _is_alike(row, twin)) for other, twin in rows_by_first[_first(row)])


def _first(row: Any) -> str:
    return repr(next(iter(row.items()), None) if isinstance(row, dict) else row)


def _correction(earlier: Sequence[Table], last: Sequence[Table], joints: Sequence[Joint]) -> Sequence[Table]:
    if Joint.UNKNOWN in joints:
        raise NotJson("It holds several tables behind a correction. Give the whole table once.")
    rows = [item for _, part in last for item in part.items]
    if not all(_covers(rows, part.items) for _, part in earlier):
        raise NotJson("It corrects itself, and the correction does not hold every row. Give the whole table once.")
    return _parts(last)


def _covers(last: Sequence[Any], earlier: Sequence[Any]) -> bool:
    """Whether every earlier row has a counterpart of its own, with half of its values or more."""
    free = list(last)
    for row in earlier:
        counterpart = next((other for other in free if _is_alike(row, other)), None)
        if counterpart is None:
            return False
        free.remove(counterpart)
    return True


def _is_alike(one: Any, other: Any) -> bool:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return bool(one == other)
    given = {key: value for key, value in one.items() if value is not None and not isinstance(value, dict)}
    agreeing = sum(bool(other.get(key) == value) for key, value in given.items())
    return 2 * agreeing >= len(given)


def _answer_of(chosen: Sequence[Table]) -> JsonAnswer:
    repaired = any(document.repaired for document, _ in chosen)
    written = dict[tuple[int, str], str]()
    first = 0
    for document, rows in chosen:
        written |= {(first + index, key): raw for (index, key), raw in rows.cells(document.written).items()}
        first += len(rows.items)
    document, rows = chosen[0]
    if len(chosen) == 1:
        return JsonAnswer(rows.as_given(document.data), repaired, written)
    return JsonAnswer({"rows": [item for _, part in chosen for item in part.items]}, repaired, written)
