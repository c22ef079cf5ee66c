"""JSON as we take it: UTF-8, no NaN, no Infinity, no key twice, not too deep, and only text that can be stored."""

import json
import math
import re
from collections.abc import Callable, Coroutine, Iterator
from email.message import Message
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from aijobs.domain.errors import BadInput, FieldError
from aijobs.domain.values.json_pointer import pointer
from api.problems import UnreadableBody

MAX_DEPTH: Final = 32

_UNFIT: Final = re.compile(r"[\0\ud800-\udfff]")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """A route to post to, whose body, if there is one, is JSON as we take it."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            if body := await request.body():
                _check_content_type(request.headers.get("Content-Type", ""))
                check_json(body)
            return await handle(request)

        return strict


def check_json(body: bytes) -> None:
    """Raises UnreadableBody, or BadInput that points at text which cannot be stored."""
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
    if len(path) > MAX_DEPTH:
        raise UnreadableBody(f"The body is nested deeper than {MAX_DEPTH} levels.")
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
    return key.replace("\0", "").encode("utf-8", "replace").decode()
