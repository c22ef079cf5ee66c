"""Every parameter of every route: its place, its name, and what it takes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, get_args, get_origin

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import AwareDatetime, BaseModel

from api.app import ROUTES
from dashboard.routes import ROUTERS


@dataclass(frozen=True)
class Parameter:
    """A parameter of the query, the path or the header. `annotation` is its type."""

    method: str
    path: str
    place: str
    name: str
    annotation: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.place} {self.name}"

    @property
    def is_number(self) -> bool:
        return _holds(self.annotation, int) and not _holds(self.annotation, bool) and not _holds(self.annotation, str)

    @property
    def is_moment(self) -> bool:
        return _holds(self.annotation, datetime) or _holds(self.annotation, AwareDatetime)

    @property
    def is_day(self) -> bool:
        return _holds(self.annotation, date) and not self.is_moment

    @property
    def is_list(self) -> bool:
        return any(get_origin(choice) is list for choice in _choices(self.annotation))

    def address(self, value: str, *, times: int = 1) -> str:
        """The path and query with this value, which is escaped already; other parts of the path are made up."""
        path = re.sub(r"{(\w+)(:\w+)?}", lambda found: value if self._is_in_path(found[1]) else "1", self.path)
        return path if self.place != "query" else f"{path}?" + "&".join([f"{self.name}={value}"] * times)

    def _is_in_path(self, name: str) -> bool:
        return self.place == "path" and name == self.name


def all_parameters() -> Iterator[Parameter]:
    """Of the JSON API and of the pages."""
    for route, path, methods in _routes():
        for method in methods:
            for place, name, annotation in _declared(route.dependant):
                yield Parameter(method, path, place, name, annotation)


def all_routes() -> Iterator[tuple[str, str]]:
    """Methods and paths of the JSON API and of the pages."""
    for _, path, methods in _routes():
        for method in methods:
            yield method, path


def _routes() -> Iterator[tuple[APIRoute, str, list[str]]]:
    routes = [route for module in ROUTES for route in module.router.routes]
    routes += [route for router in ROUTERS for route in router.routes]
    for context in iter_route_contexts(routes):
        if isinstance(context.original_route, APIRoute):
            yield context.original_route, context.path or "", sorted(context.methods or ())


def _declared(dependant: Dependant) -> Iterator[tuple[str, str, Any]]:
    for inner in dependant.dependencies:
        yield from _declared(inner)
    places = {"query": dependant.query_params, "path": dependant.path_params, "header": dependant.header_params}
    for place, fields in places.items():
        for field in fields:
            annotation = field.field_info.annotation
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                for name, declared in annotation.model_fields.items():
                    yield place, declared.alias or name, declared.annotation
            else:
                yield place, field.alias, annotation


def _choices(annotation: Any) -> tuple[Any, ...]:
    return (annotation, *(inner for choice in get_args(annotation) for inner in _choices(choice)))


def _holds(annotation: Any, kind: type) -> bool:
    return any(isinstance(choice, type) and issubclass(choice, kind) for choice in _choices(annotation))
