"""Finds every JSON document in a model's answer, in order, between words and Markdown fences.

Strict JSON first; where that fails, the rules of `tolerant_json`. Whatever is neither a whole document nor words makes
the answer unusable: a part of a table is never taken for the table.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from aijobs.generators.answers.tolerant_json import MAX_DEPTH, TolerantReader, decimal, integer
from aijobs.generators.answers.tolerant_text import Malformed, Path

MAX_REPAIRED: Final = (
    1024 * 1024
)  #: characters; the tolerant reader takes seconds where strict parsing takes milliseconds

_BRACKET: Final = re.compile(
    r"(?P<prose>[(\[]-?[\d.]+\s*,\s*-?[\d.∞]+[)\]]|:-?[\[\]{}])|(?P<closing>[\]}］｝])|[\[{［｛]"
)
#: A bracket of prose, closed on its line, without quotes and other brackets: `[order, amount]`, `[see p. 3]`, `{done}`.
_PROSE: Final = re.compile(r"\[[^\[\]{}\"“”\n]{0,300}\]|\{[^\[\]{}\"“”:：\n]{0,300}\}")


class NotJson(ValueError):
    """The message is also shown to the model."""


class _DuplicateKeyError(ValueError):
    pass


@dataclass(frozen=True)
class JsonDocument:
    """A document between `start` and `end` of the answer.

    `repaired`: it is no strict JSON. `written`: what the answer said, by path, for values that needed a rule.
    """

    data: Any
    start: int
    end: int
    repaired: bool = False
    written: Mapping[Path, str] = field(default_factory=dict)


def documents_in(text: str) -> list[JsonDocument]:
    """All documents, those of no table too. Raises NotJson when a part of the answer is cut off or cannot be read."""
    _check_depth(text)
    documents, position = list[JsonDocument](), 0
    while (bracket := _BRACKET.search(text, position)) is not None:
        if bracket["prose"] and not _begins_document(text, bracket):
            position = bracket.end()
            continue
        if bracket["closing"]:
            raise NotJson("A closing bracket in it has no opening one.")
        start = bracket.end() - 1 if text[bracket.start()] == ":" else bracket.start()
        document = _document_at(text, start)
        if isinstance(document, JsonDocument):
            documents.append(document)
            position = document.end
        else:
            position = document
    return documents


def _begins_document(text: str, bracket: re.Match[str]) -> bool:
    """Whether what looks like a face (`:[`) or an interval (`[0, 5)`) is JSON: `rows:[{…`, `[1, 2]`."""
    if bracket[0].startswith(":"):
        return bracket[0][-1] in "[{" and text[bracket.end() : bracket.end() + 20].lstrip()[:1] in tuple("\"'{[")
    return bracket[0].startswith("[") and bracket[0].endswith("]")


def _document_at(text: str, start: int) -> JsonDocument | int:
    """The document; or where a bracket of prose ends. Raises NotJson."""
    try:
        data, end = STRICT.raw_decode(text, start)
        return JsonDocument(data, start, end)
    except _DuplicateKeyError as twice:
        raise NotJson(str(twice)) from None
    except (ValueError, RecursionError):
        return _tolerant_document_at(text, start)


def _tolerant_document_at(text: str, start: int) -> JsonDocument | int:
    if len(text) > MAX_REPAIRED:
        raise NotJson("It is not valid JSON.")
    reader = TolerantReader(text, start)
    try:
        data = reader.value()
    except Malformed as malformed:
        if prose := _PROSE.match(text, start):
            return prose.end()
        raise NotJson(str(malformed)) from None
    return JsonDocument(data, start, reader.position, repaired=True, written=reader.written)


def _check_depth(text: str) -> None:
    """Raises NotJson for deep nesting. Brackets in strings count as well; this only guards the parsers."""
    depth = 0
    for found in re.finditer(r"[\[{\]}［｛］｝]", text):
        depth += 1 if found[0] in "[{［｛" else -1
        if depth > MAX_DEPTH:
            raise NotJson(f"Its brackets are nested deeper than {MAX_DEPTH}.")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _DuplicateKeyError(f"The key {twice[:50]!r} stands twice in one object.")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


#: Refuses what JSON allows and a table cannot hold: a key twice in one object, NaN.
STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=integer, parse_float=decimal, parse_constant=_refuse_constant
)
