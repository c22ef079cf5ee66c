"""Reads JSON from a model's answer: the whole text, a Markdown code block, or repaired."""

import asyncio
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import json_repair

MAX_REPAIRED: Final = 1024 * 1024  #: characters; repairing takes seconds where parsing takes milliseconds
MAX_DEPTH: Final = 64  #: nested brackets; a table needs three

MAX_INTEGER: Final = 2**63

_FENCED: Final = re.compile(r"```[ \t]*(?:json[ \t]*)?\r?\n(.*?)```", re.DOTALL | re.IGNORECASE)


class NotJson(ValueError):
    """The message is also shown to the model."""


@dataclass(frozen=True)
class JsonAnswer:
    """The JSON of an answer; `repaired` when the text was invalid, so that parts may be guessed."""

    data: Any
    repaired: bool


async def read_answer(text: str) -> JsonAnswer:
    """Raises NotJson. Runs in a thread: parsing a large answer would block the event loop."""
    return await asyncio.to_thread(_read, text)


def _read(text: str) -> JsonAnswer:
    _check_depth(text)
    for candidate in _candidates(text):
        try:
            return JsonAnswer(_storable(json.loads(candidate, parse_constant=_refuse_constant)), repaired=False)
        except ValueError:
            continue
    if len(text) > MAX_REPAIRED:
        raise NotJson("It is not valid JSON.")
    repaired = json_repair.loads(_repair_candidate(text), skip_json_loads=True)
    if not isinstance(repaired, dict | list) or not repaired:
        raise NotJson("It is not JSON.")
    return JsonAnswer(_storable(repaired), repaired=True)


def _candidates(text: str) -> Iterator[str]:
    yield text.strip().removeprefix("\ufeff")
    yield from reversed(_FENCED.findall(text))


def _repair_candidate(text: str) -> str:
    fenced = _FENCED.findall(text)
    return fenced[-1] if fenced else text


def _check_depth(text: str) -> None:
    """Raises NotJson for deep nesting. Brackets in strings count as well; this only guards the parsers."""
    depth = 0
    for found in re.finditer(r"[\[{\]}]", text):
        depth += 1 if found[0] in "[{" else -1
        if depth > MAX_DEPTH:
            raise NotJson(f"Its brackets are nested deeper than {MAX_DEPTH}.")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _storable(value: Any) -> Any:
    """Numbers that no column can store become strings, which the columns then refuse or keep."""
    match value:
        case bool():
            return value
        case int() if abs(value) > MAX_INTEGER:
            return str(value)
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {str(key): _storable(inner) for key, inner in value.items()}
        case list():
            return [_storable(inner) for inner in value]
        case _:
            return value
