"""A table that is longer than one answer: the whole rows of one that was cut off, and how the next one continues it."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from aijobs.generators.answers.documents import STRICT, NotJson
from aijobs.generators.answers.thoughts import without_thoughts

MAX_REPEATED: Final = 3  #: rows that two portions of a table share

_LIST: Final = re.compile(r"\[\s*(?=\{)")
_COMMA: Final = re.compile(r"\s*,?\s*")


def whole_rows(text: str) -> list[str]:
    """The rows of an answer's first list of objects, as they are written, up to where it ends or is cut off.

    Empty when it is no strict JSON.
    """
    text = without_thoughts(text, of_table=True)
    start = _LIST.search(text)
    if start is None:
        return []
    rows, position = list[str](), start.end()
    while position < len(text) and text[position] == "{":
        try:
            _, end = STRICT.raw_decode(text, position)
        except (ValueError, RecursionError):
            break
        rows.append(text[position:end])
        comma = _COMMA.match(text, end)
        position = comma.end() if comma else end
    return rows


def repeated_of(first: Sequence[str]) -> int:
    """How many rows each portion begins with again: one may be like another one, several hardly are.

    At most a third of those that the `first` portion had, so that there is room for others.
    """
    return min(MAX_REPEATED, max(1, len(first) // 3))


def joined(rows: Sequence[str], portion: Sequence[str], repeated: int = 1) -> list[str]:
    """The rows with those of the next portion, which begins with the last `repeated` ones once more.

    Raises NotJson when it does not: a row may be missing, or come twice.
    """
    again = rows[-repeated:]
    if [values_of(row) for row in portion[: len(again)]] != [values_of(row) for row in again]:
        raise NotJson("The continuation of a long table does not begin with the last rows of the part before it.")
    return [*rows, *portion[len(again) :]]


def values_of(row: str) -> dict[str, Any]:
    """Without its quotations, which may be others when a row is said again."""
    return {key: value for key, value in json.loads(row).items() if not isinstance(value, dict)}


def as_table(rows: Sequence[str]) -> str:
    """One JSON document of rows as they are written."""
    return f'{{"rows": [{", ".join(rows)}]}}'
