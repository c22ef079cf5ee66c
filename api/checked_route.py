"""Routes that check a request in this order: the caller, the names of query parameters, and then the body."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from api.auth.caller import CallerWith

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class CallerFirstRoute(APIRoute):
    """Authenticates the caller before the body is read (FastAPI would parse it first)."""

    def get_route_handler(self) -> Handler:
        """FastAPI's own handler, after our checks."""
        handle, callers = super().get_route_handler(), list(_caller_dependencies(self.dependant))

        async def checked(request: Request) -> Response:
            for caller in callers:
                await caller.identify(request)
            self.check_query(request)
            await self.check_body(request)
            return await handle(request)

        return checked

    def check_query(self, request: Request) -> None:
        """Raises RequestValidationError for query parameters that the route does not take."""

    async def check_body(self, request: Request) -> None:
        """Raises an error when the body as a whole cannot be accepted."""


class CheckedRoute(CallerFirstRoute):
    """A CallerFirstRoute that also rejects unknown query parameters: a misspelt filter would filter nothing."""

    def get_route_handler(self) -> Handler:
        self._query_names = frozenset(_query_names(self.dependant))
        return super().get_route_handler()

    def check_query(self, request: Request) -> None:
        errors = [
            {"type": "extra_forbidden", "loc": ("query", name), "msg": "There is no such parameter here."}
            for name in request.query_params
            if name not in self._query_names
        ] + [
            {"type": "string_type", "loc": ("query", name), "msg": "Text must not hold NUL."}
            for name, value in request.query_params.multi_items()
            if "\0" in value
        ]
        if errors:
            raise RequestValidationError(errors)


def _caller_dependencies(dependant: Dependant) -> Iterator[CallerWith]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, CallerWith):
            yield inner.call
        yield from _caller_dependencies(inner)


def _query_names(dependant: Dependant) -> Iterator[str]:
    """The names of query parameters, and of the fields of query models."""
    for inner in dependant.dependencies:
        yield from _query_names(inner)
    for field in dependant.query_params:
        annotation = field.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            for name, declared in annotation.model_fields.items():
                yield declared.alias or name
        else:
            yield field.alias
