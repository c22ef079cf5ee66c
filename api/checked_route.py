"""Routes that check a request in this order: the caller, the names of query parameters, and then the body."""

import re
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar, get_args, get_origin

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from python_multipart.multipart import parse_options_header
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException

from aijobs.domain.errors import FieldError, InvalidParameters, NotFound
from api.auth.caller import CallerWith

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Called = TypeVar("Called")


MAX_ROW_ID: Final = 2**63 - 1  #: of all supported databases

#: As our own lists write them. Python would also take ` 1`, `+1`, `1_0`, `1.0` and other scripts' digits.
_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")

_UTF_8: Final = frozenset({b"utf-8", b"utf8"})


@dataclass(frozen=True)
class Declared:
    """What a route's parameter takes."""

    is_list: bool
    is_number: bool


@dataclass(frozen=True)
class KeyedParameter:
    """`name[key]=value` in a query, for keys of the caller's own: a dependency that returns them as a mapping.

    Raises InvalidParameters for an empty or long key, a long value, and too many.
    """

    name: str
    max_keys: int = 5
    max_key: int = 40
    max_value: int = 500

    async def __call__(self, request: Request) -> Mapping[str, str]:
        found = {name: value for name, value in request.query_params.multi_items() if self.takes(name)}
        if len(found) > self.max_keys:
            message = f"At most {self.max_keys} keys."
            raise InvalidParameters(message, FieldError(f"/query/{self.name}", message))
        for name, value in found.items():
            if not 1 <= len(self._key(name)) <= self.max_key or len(value) > self.max_value:
                message = f"A key has 1 to {self.max_key} characters, a value at most {self.max_value}."
                raise InvalidParameters(message, FieldError(f"/query/{self.name}", message))
        return {self._key(name): value for name, value in found.items()}

    def takes(self, name: str) -> bool:
        return name.startswith(f"{self.name}[") and name.endswith("]")

    def _key(self, name: str) -> str:
        return name[len(self.name) + 1 : -1]

    def documented(self, description: str) -> dict[str, Any]:
        """The parameter in OpenAPI, for a route's `openapi_extra`."""
        text = {"type": "string", "maxLength": self.max_value}
        schema = {"type": "object", "additionalProperties": text, "maxProperties": self.max_keys}
        return {
            "parameters": [
                {"name": self.name, "in": "query", "style": "deepObject", "explode": True, "required": False}
                | {"description": description, "schema": schema}
            ]
        }


class CallerFirstRoute(APIRoute):
    """Authenticates the caller before the body is read (FastAPI would parse it first).

    A parameter that is no list is sent once, and a whole number is written as decimal digits.
    """

    def get_route_handler(self) -> Handler:
        """FastAPI's own handler, after our checks."""
        handle, callers = super().get_route_handler(), list(_dependencies(self.dependant, CallerWith))
        self._keyed = list(_dependencies(self.dependant, KeyedParameter))
        self._query = dict(_declared(self.dependant, "query_params"))
        self._path = dict(_declared(self.dependant, "path_params"))
        self._headers = dict(_declared(self.dependant, "header_params"))

        async def checked(request: Request) -> Response:
            for caller in callers:
                await caller.identify(request)
            if errors := [*self.query_errors(sent_by_name(request.query_params)), *self._header_errors(request)]:
                raise RequestValidationError(errors)
            self._check_path(request)
            await self.check_body(request)
            return await handle(request)

        return checked

    def query_errors(self, sent: Mapping[str, Sequence[str]]) -> Iterator[Mapping[str, Any]]:
        """What is wrong with the query parameters, each as pydantic would name it."""
        for name, values in sent.items():
            declared = self._query.get(name)
            if any("\0" in value for value in values):
                yield _error("query", name, "Text must not hold NUL.")
            if declared and not declared.is_list and len(values) > 1:
                yield _error("query", name, "Send it once.")
            if declared and declared.is_number and not all(map(_is_number, values)):
                yield _error("query", name, "Must be a whole number, in decimal digits, of at most 64 bits.")

    def _header_errors(self, request: Request) -> Iterator[Mapping[str, Any]]:
        for name in self._headers:
            if len(request.headers.getlist(name)) > 1:
                yield _error("header", name, "Send it once.")

    def _check_path(self, request: Request) -> None:
        """Raises NotFound for what is no number where one is declared, as for one that nothing has."""
        for name, declared in self._path.items():
            if declared.is_number and not _is_number(request.path_params[name]):
                raise NotFound("There is nothing of this number.")

    async def check_body(self, request: Request) -> None:
        """Raises an error when the body as a whole cannot be accepted: here, a form in another charset than UTF-8."""
        kind, options = parse_options_header(request.headers.get("Content-Type"))
        if kind == b"multipart/form-data" and options.get(b"charset", b"utf-8").lower() not in _UTF_8:
            raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send the form in UTF-8.")


class CheckedRoute(CallerFirstRoute):
    """A CallerFirstRoute that also rejects unknown query parameters: a misspelt filter would filter nothing."""

    def query_errors(self, sent: Mapping[str, Sequence[str]]) -> Iterator[Mapping[str, Any]]:
        """See CallerFirstRoute."""
        yield from super().query_errors(sent)
        for name in sent.keys() - self._query.keys():
            if not any(keyed.takes(name) for keyed in self._keyed):
                yield _error("query", name, "There is no such parameter here.")
            elif len(sent[name]) > 1:
                yield _error("query", name, "Send it once.")


def sent_by_name(query: QueryParams) -> Mapping[str, Sequence[str]]:
    """All values of each parameter. `getlist` looks at every parameter for each: a long query would take seconds."""
    values: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in query.multi_items():
        values[name].append(value)
    return values


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and abs(int(text)) <= MAX_ROW_ID


def _error(place: str, name: str, message: str) -> Mapping[str, Any]:
    return {"type": "value_error", "loc": (place, name), "msg": message}


def _dependencies(dependant: Dependant, kind: type[Called]) -> Iterator[Called]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, kind):
            yield inner.call
        yield from _dependencies(inner, kind)


def _declared(dependant: Dependant, place: str) -> Iterator[tuple[str, Declared]]:
    """Parameters by name, and the fields of query models."""
    for inner in dependant.dependencies:
        yield from _declared(inner, place)
    for field in getattr(dependant, place):
        annotation = field.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            for name, declared in annotation.model_fields.items():
                yield declared.alias or name, _declaration(declared.annotation)
        else:
            yield field.alias, _declaration(annotation)


def _declaration(annotation: Any) -> Declared:
    types = list(_types(annotation))
    return Declared(is_list=any(get_origin(one) is list for one in types), is_number=int in types and str not in types)


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from _types(inner)
