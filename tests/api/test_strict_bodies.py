"""Types in request bodies are strict, in every route and at every depth: no text for a number, no number for a flag."""

from collections.abc import Iterator
from typing import Annotated, Any, get_args

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from api.app import ROUTES

#: For each type what Python or pydantic would take for it.
LOOKALIKES: dict[type, tuple[Any, ...]] = {
    bool: (0, 1, 1.0, "true", "false", "1", "yes", "on", ""),
    int: ("1", "1.0", " 1", True, "", "١"),
    float: ("1.5", True, "nan", ""),
    str: (1, 1.5, True),
    AwareDatetime: (1, 1700000000.5, True, "1", "1700000000", "2026-11-29", "2026-11-29T12:00:00"),
}


def body_models() -> Iterator[type[BaseModel]]:
    """Of every route, with those within them."""
    for context in iter_route_contexts([route for module in ROUTES for route in module.router.routes]):
        route = context.original_route
        if isinstance(route, APIRoute) and route.body_field is not None:
            yield from models_in(route.body_field.field_info.annotation)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models_in(field.annotation)
    for inner in get_args(annotation):
        yield from models_in(inner)


def scalar_fields() -> Iterator[tuple[str, TypeAdapter[Any], frozenset[type]]]:
    for model in sorted(set(body_models()), key=lambda model: model.__name__):
        for name, field in model.model_fields.items():
            types = {one for one in flattened(field.annotation) if one in LOOKALIKES}
            if types and not any(
                isinstance(one, type) and issubclass(one, BaseModel) for one in flattened(field.annotation)
            ):
                is_strict = bool(model.model_config.get("strict"))
                adapter = TypeAdapter[Any](_annotated(field), config=ConfigDict(strict=is_strict))
                yield f"{model.__name__}.{name}", adapter, frozenset(types)


def flattened(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from flattened(inner)


def _annotated(field: FieldInfo) -> Any:
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


FIELDS = list(scalar_fields())


def test_fields_are_found() -> None:
    assert {"TokenRequest.ttl", "Column.required", "JobRequest.model_id", "KeyRequest.expires_at"} <= {
        name for name, _, _ in FIELDS
    }


@pytest.mark.parametrize(("adapter", "types"), [one[1:] for one in FIELDS], ids=[one[0] for one in FIELDS])
def test_nothing_stands_for_another_type(adapter: TypeAdapter[Any], types: frozenset[type]) -> None:
    taken = [
        value
        for kind in types
        for value in LOOKALIKES[kind]
        if type(value) not in types and not (float in types and type(value) is int) and accepts(adapter, value)
    ]

    assert taken == []


def accepts(adapter: TypeAdapter[Any], value: Any) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True
