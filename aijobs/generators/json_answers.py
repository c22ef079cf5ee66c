"""A model's answer as JSON: as it stands, out of a Markdown fence, or mended."""

import asyncio
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import json_repair

MAX_MENDED: Final = 1024 * 1024  #: characters; mending takes seconds where reading takes milliseconds
MAX_DEPTH: Final = 64  #: brackets within brackets; a table needs three

MAX_WHOLE: Final = 2**63

_FENCED: Final = re.compile(r"```[ \t]*(?:json[ \t]*)?\r?\n(.*?)```", re.DOTALL | re.IGNORECASE)


class NotJson(ValueError):
    """The text tells why, in words that a model understands too."""


@dataclass(frozen=True)
class JsonAnswer:
    """The JSON of an answer; `repaired` when it had to be mended, so that some of it may be guessed."""

    data: Any
    repaired: bool


async def read_answer(text: str) -> JsonAnswer:
    """Raises NotJson. In a thread: an answer can be so large that reading it would hold up everything else."""
    return await asyncio.to_thread(_read, text)


def _read(text: str) -> JsonAnswer:
    _check_depth(text)
    for candidate in _candidates(text):
        try:
            return JsonAnswer(_kept_exactly(json.loads(candidate, parse_constant=_refuse)), repaired=False)
        except ValueError:
            continue
    if len(text) > MAX_MENDED:
        raise NotJson("It is not valid JSON.")
    mended = json_repair.loads(_likeliest(text), skip_json_loads=True)
    if not isinstance(mended, dict | list) or not mended:
        raise NotJson("It is not JSON.")
    return JsonAnswer(_kept_exactly(mended), repaired=True)


def _candidates(text: str) -> Iterator[str]:
    yield text.strip().removeprefix("\ufeff")
    yield from reversed(_FENCED.findall(text))


def _likeliest(text: str) -> str:
    fenced = _FENCED.findall(text)
    return fenced[-1] if fenced else text


def _check_depth(text: str) -> None:
    """Brackets in texts count as well: it is only a guard against answers that nothing can read."""
    depth = 0
    for found in re.finditer(r"[\[{\]}]", text):
        depth += 1 if found[0] in "[{" else -1
        if depth > MAX_DEPTH:
            raise NotJson(f"Its brackets are nested deeper than {MAX_DEPTH}.")


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _kept_exactly(value: Any) -> Any:
    """Numbers that no column can hold become texts, which the columns then refuse or keep as they are."""
    match value:
        case bool():
            return value
        case int() if abs(value) > MAX_WHOLE:
            return str(value)
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {str(key): _kept_exactly(inner) for key, inner in value.items()}
        case list():
            return [_kept_exactly(inner) for inner in value]
        case _:
            return value
