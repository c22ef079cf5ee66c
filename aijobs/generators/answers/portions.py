"""A table that is longer than one answer: the whole rows of one that was cut off, and how the next one continues it."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from aijobs.generators.answers.documents import STRICT, NotJson
from aijobs.generators.answers.thoughts import without_thoughts

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


def joined(rows: Sequence[str], portion: Sequence[str]) -> list[str]:
    """The rows with those of the next portion, which begins with the last row of them once more.

    Raises NotJson when it does not: a row may be missing, or come twice.
    """
    if not rows:
        return [*portion]
    if not portion or _values(portion[0]) != _values(rows[-1]):
        raise NotJson("The continuation of a long table does not begin with the last row of the part before it.")
    return [*rows, *portion[1:]]


def _values(row: str) -> dict[str, Any]:
    """Without its quotations, which may be others when a row is said again."""
    return {key: value for key, value in json.loads(row).items() if not isinstance(value, dict)}


def as_table(rows: Sequence[str]) -> str:
    """One JSON document of rows as they are written."""
    return f'{{"rows": [{", ".join(rows)}]}}'
