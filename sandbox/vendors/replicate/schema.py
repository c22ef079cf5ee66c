"""Checking a JSON object against the part of JSON Schema that Replicate's models use."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import JsonValue

from sandbox.vendors.replicate.errors import InvalidField

URI_SCHEMES: Final = frozenset({"http", "https", "data"})
Schema = Mapping[str, Any]


def invalid_fields(value: Mapping[str, JsonValue], schema: Schema, *, at: str) -> list[InvalidField]:
    """The invalid fields of the object at the path `at` (for example `input`); empty when it is valid."""
    return list(_problems(value, schema, at))


def _problems(value: Mapping[str, JsonValue], schema: Schema, at: str) -> Iterator[InvalidField]:
    properties: Mapping[str, Schema] = schema["properties"]
    for name in schema.get("required", []):
        if name not in value:
            yield InvalidField(type="required", field=at, description=f"{name} is required")
    for name, item in value.items():
        if name in properties:
            yield from _value_problems(name, item, properties[name], at)
        else:
            description = f"Additional property {name} is not allowed"
            yield InvalidField(type="additional_property_not_allowed", field=at, description=description)


def _value_problems(name: str, item: JsonValue, schema: Schema, at: str) -> Iterator[InvalidField]:
    field = name if at == "(root)" else f"{at}.{name}"
    if not _is_of_type(item, schema["type"]):
        description = f"Invalid type. Expected: {schema['type']}, given: {_type_of(item)}"
        yield InvalidField(type="invalid_type", field=field, description=description)
    elif isinstance(item, str):
        yield from _text_problems(name, item, schema, field)
    elif isinstance(item, int | float):
        yield from _number_problems(item, schema, field)
    elif isinstance(item, list) and "items" in schema:
        for index, one in enumerate(item):
            yield from _value_problems(str(index), one, schema["items"], field)


def _text_problems(name: str, item: str, schema: Schema, field: str) -> Iterator[InvalidField]:
    if "enum" in schema and item not in schema["enum"]:
        allowed = ", ".join(f'"{one}"' for one in schema["enum"])
        description = f"{name} must be one of the following: {allowed}"
        yield InvalidField(type="enum", field=field, description=description)
    if schema.get("format") == "uri" and not _is_uri(item):
        yield InvalidField(type="format", field=field, description="Does not match format 'uri'")


def _number_problems(item: float, schema: Schema, field: str) -> Iterator[InvalidField]:
    if item < schema.get("minimum", item):
        description = f"Must be greater than or equal to {schema['minimum']}"
        yield InvalidField(type="number_gte", field=field, description=description)
    if item > schema.get("maximum", item):
        description = f"Must be less than or equal to {schema['maximum']}"
        yield InvalidField(type="number_lte", field=field, description=description)


def _is_of_type(item: JsonValue, expected: str) -> bool:
    given = _type_of(item)
    return given == expected or (given, expected) == ("integer", "number")


def _type_of(item: JsonValue) -> str:
    match item:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in URI_SCHEMES and bool(parts.netloc or parts.scheme == "data")
