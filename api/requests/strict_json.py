"""JSON as we take it: UTF-8, no NaN, no Infinity, no key twice, not too deep, not too much, and only storable text.

What there is of it is counted before it is parsed, so that no body of a few bytes a value keeps everybody waiting.
"""

import asyncio
import json
import math
import re
from collections.abc import Iterator
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
"""Of a body, with the values inside of values."""

MAX_TEXTS: Final = 3 * MAX_VALUES
"""More of them than values and their keys are no JSON."""

MAX_SHOWN: Final = 200  #: of a key, where a pointer names it

IN_A_THREAD: Final = 32 * 1024
"""Longer bodies are looked at beside the event loop."""

_UNFIT: Final = re.compile(r"[\0\ud800-\udfff]")

#: A text as a whole: what it holds counts for nothing.
_TEXT: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)

_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


class StrictRoute(CheckedRoute):
    """A route to post to, whose body, if there is one, is JSON as we take it."""

    async def check_body(self, request: Request) -> None:
        if body := await request.body():
            _check_content_type(request.headers.get("Content-Type", ""))
            await check_json(body)


async def check_json(body: bytes) -> None:
    """Raises UnreadableBody, or BadInput that points at text which cannot be stored."""
    if len(body) > IN_A_THREAD:
        await asyncio.to_thread(_check, body)
    else:
        _check(body)


def _check(body: bytes) -> None:
    _check_amount(body)
    try:
        document = json.loads(
            body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_without_duplicates
        )
    except (ValueError, RecursionError) as unreadable:
        known = isinstance(unreadable, _Unwanted)
        raise UnreadableBody(str(unreadable) if known else "The body is not JSON in UTF-8.") from unreadable
    unfit = [FieldError(where, "Text must not hold NUL or lone surrogates.") for where in _unfit(document, ())]
    if unfit:
        raise BadInput("Some text cannot be stored.", *unfit)


class _Unwanted(ValueError):
    """Our own words on what is wrong with it."""


def _check_amount(body: bytes) -> None:
    """In linear time, and as fast as bytes are counted. What is no JSON passes: the parser says so."""
    if _values_in(body) <= MAX_DEPTH:
        return
    outside, texts = _TEXT.subn(b"", body, count=MAX_TEXTS)
    if texts == MAX_TEXTS or _values_in(outside) > MAX_VALUES:
        raise UnreadableBody(f"The body holds more than {MAX_VALUES} values.")
    depth = 0
    for bracket in outside.translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise UnreadableBody(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _values_in(body: bytes) -> int:
    """At most, where texts are left out: each begins with a bracket, or comes after one or after a comma."""
    return body.count(b"[") + body.count(b"{") + body.count(b",")


def _check_content_type(sent: str) -> None:
    message = Message()
    message["Content-Type"] = sent
    kind = message.get_content_subtype()
    if message.get_content_maintype() != "application" or not (kind == "json" or kind.endswith("+json")):
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.")


def _refuse(constant: str) -> None:
    raise _Unwanted(f"{constant} is not JSON.")


def _finite(written: str) -> float:
    number = float(written)
    if math.isinf(number):
        raise _Unwanted("A number is too large.")
    return number


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Unwanted("An object names a key twice.")
    return found


def _unfit(value: Any, path: tuple[str | int, ...]) -> Iterator[str]:
    match value:
        case str():
            if _UNFIT.search(value):
                yield pointer(*path)
        case dict():
            for key, inner in value.items():
                yield from _unfit(key, (*path, _shown(key)))
                yield from _unfit(inner, (*path, _shown(key)))
        case list():
            for place, inner in enumerate(value):
                yield from _unfit(inner, (*path, place))


def _shown(key: str) -> str:
    return key[:MAX_SHOWN].replace("\0", "").encode("utf-8", "replace").decode()
