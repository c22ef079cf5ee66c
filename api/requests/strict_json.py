"""Strict JSON: UTF-8, no NaN, no Infinity, no duplicate keys, limited in depth and size, and only storable text.

Values are counted before the body is parsed, so that a body of very many values does not block the event loop.
"""

import asyncio
import json
import math
import re
from collections.abc import Iterator, Sequence
from email.message import Message
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from starlette.exceptions import HTTPException

from aijobs.domain.errors import BadInput, FieldError
from aijobs.domain.values.json_pointer import pointer
from api.checked_route import CheckedRoute
from api.problems import UnreadableBody

MAX_DEPTH: Final = 32
MAX_VALUES: Final = 10_000
"""In one body, nested values included."""

MAX_STRINGS: Final = 3 * MAX_VALUES
"""A document within MAX_VALUES has fewer: at most a value and a key for each."""

MAX_DIGITS: Final = 400  #: of a whole number; doubles have up to 309

MAX_SHOWN: Final = 200  #: characters of a key in a JSON pointer

THREAD_THRESHOLD: Final = 32 * 1024
"""Longer bodies are parsed in a thread."""

_UNSTORABLE: Final = re.compile(r"[\0\ud800-\udfff]")

#: A whole string: brackets and commas inside of it are not counted.
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)

_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


class StrictRoute(CheckedRoute):
    """A route whose body, if there is one, must be strict JSON."""

    async def check_body(self, request: Request) -> None:
        if body := await request.body():
            _check_content_type(request.headers.get("Content-Type", ""))
            await check_json(body)


async def check_json(body: bytes) -> None:
    """Raises UnreadableBody, or BadInput with pointers to text that cannot be stored."""
    if len(body) > THREAD_THRESHOLD:
        await asyncio.to_thread(_check, body)
    else:
        _check(body)


def _check(body: bytes) -> None:
    _check_size(body)
    try:
        document = DECODER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        detail = str(error) if isinstance(error, NotStrictJson) else "The body is not JSON in UTF-8."
        raise UnreadableBody(detail) from error
    if problems := storage_problems(document):
        raise BadInput("Some text cannot be stored.", *problems)


def check_part(text: str, value: Any) -> Sequence[FieldError]:
    """What cannot be stored of one value of a long document, and `text` as it was written.

    Raises UnreadableBody when it holds too much.
    """
    if text.count("[") + text.count("{") > MAX_DEPTH or text.count(",") > MAX_DEPTH:
        _check_size(text.encode())
    return storage_problems(value) if "\\u" in text or "\0" in text else ()


def storage_problems(document: Any) -> list[FieldError]:
    """Pointers to text that no database stores."""
    return [FieldError(where, "Text must not hold NUL or lone surrogates.") for where in _unstorable(document, ())]


class NotStrictJson(ValueError):
    """Its message may be shown to the client."""


def _check_size(body: bytes) -> None:
    """Raises UnreadableBody. Runs in linear time. Malformed JSON passes; the parser rejects it."""
    if _max_values(body) <= MAX_DEPTH:
        return
    outside, strings = _STRING.subn(b"", body, count=MAX_STRINGS)
    if strings == MAX_STRINGS or _max_values(outside) > MAX_VALUES:
        raise UnreadableBody(f"The body holds more than {MAX_VALUES} values.")
    depth = 0
    for bracket in outside.translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise UnreadableBody(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _max_values(body: bytes) -> int:
    """An upper bound for a body without strings: each value follows a bracket or a comma, or is one itself."""
    return body.count(b"[") + body.count(b"{") + body.count(b",")


def _check_content_type(header: str) -> None:
    message = Message()
    message["Content-Type"] = header
    subtype = message.get_content_subtype()
    if message.get_content_maintype() != "application" or not (subtype == "json" or subtype.endswith("+json")):
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.")


def _reject_constant(constant: str) -> None:
    raise NotStrictJson(f"{constant} is not JSON.")


def _finite_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise NotStrictJson("A number is too large.")
    return number


def _short_integer(text: str) -> int:
    """Python takes quadratic time, up to 4,300 digits."""
    if len(text) > MAX_DIGITS:
        raise NotStrictJson("A number is too long.")
    return int(text)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise NotStrictJson("An object names a key twice.")
    return unique


def _unstorable(value: Any, path: tuple[str | int, ...]) -> Iterator[str]:
    """Pointers to text that no database stores."""
    match value:
        case str():
            if _UNSTORABLE.search(value):
                yield pointer(*path)
        case dict():
            for key, inner in value.items():
                yield from _unstorable(key, (*path, _shortened(key)))
                yield from _unstorable(inner, (*path, _shortened(key)))
        case list():
            for index, inner in enumerate(value):
                yield from _unstorable(inner, (*path, index))


def _shortened(key: str) -> str:
    return key[:MAX_SHOWN].replace("\0", "").encode("utf-8", "replace").decode()


#: Takes strict JSON only. Raises NotStrictJson, and JSONDecodeError for what is no JSON.
DECODER: Final = json.JSONDecoder(
    parse_constant=_reject_constant,
    parse_float=_finite_float,
    parse_int=_short_integer,
    object_pairs_hook=_without_duplicates,
)
