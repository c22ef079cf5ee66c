"""A route that looks at a request in this order: who calls, which parameters are named, and only then the body."""

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
        """As FastAPI's own, behind our checks."""
        handle, callers = super().get_route_handler(), list(_callers(self.dependant))

        async def checked(request: Request) -> Response:
            for caller in callers:
                await caller.identified(request)
            self.check_query(request)
            await self.check_body(request)
            return await handle(request)

        return checked

    def check_query(self, request: Request) -> None:
        """Raises RequestValidationError for parameters that are named in the address and should not be."""

    async def check_body(self, request: Request) -> None:
        """Raises what is wrong with the body as such."""


class CheckedRoute(CallerFirstRoute):
    """...and which takes no parameter that it does not know: a filter that is misspelt would filter nothing."""

    def get_route_handler(self) -> Handler:
        self._query_names = frozenset(_query_names(self.dependant))
        return super().get_route_handler()

    def check_query(self, request: Request) -> None:
        wrong = [
            {"type": "extra_forbidden", "loc": ("query", name), "msg": "There is no such parameter here."}
            for name in request.query_params
            if name not in self._query_names
        ] + [
            {"type": "string_type", "loc": ("query", name), "msg": "Text must not hold NUL."}
            for name, value in request.query_params.multi_items()
            if "\0" in value
        ]
        if wrong:
            raise RequestValidationError(wrong)


def _callers(dependant: Dependant) -> Iterator[CallerWith]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, CallerWith):
            yield inner.call
        yield from _callers(inner)


def _query_names(dependant: Dependant) -> Iterator[str]:
    """Those of parameters, and those in models of them."""
    for inner in dependant.dependencies:
        yield from _query_names(inner)
    for field in dependant.query_params:
        annotation = field.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            for name, declared in annotation.model_fields.items():
                yield declared.alias or name
        else:
            yield field.alias
