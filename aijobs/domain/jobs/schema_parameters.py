"""The parameters of a model that is known by its JSON Schema alone, as a vendor publishes it.

Only what such schemas say of single values is taken over: types, choices, bounds, lengths, defaults, descriptions.
Whatever else they demand is checked by the vendor, before anything is charged.
"""

import json
import re
import warnings
from collections.abc import Mapping
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field, JsonValue, PydanticUserError, StringConstraints, create_model
from pydantic_core import SchemaError

from aijobs.domain.jobs.parameters import Parameters, file_input

MAX_PROPERTIES: Final = 100
MAX_SCHEMA_LENGTH: Final = 200_000  #: characters of JSON
MAX_DEPTH: Final = 12  #: of references and nested types
MAX_PARTS: Final = 20_000  #: of a schema, each as often as it is referred to: a few that refer to each other are many
MAX_TEXT: Final = 100_000  #: characters of one text
MAX_ITEMS: Final = 100
MAX_DESCRIPTION: Final = 1000  #: characters of what is shown of a description
ANY_FILE: Final = "any"

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_LINKS: Final = frozenset({"uri", "url", "uri-reference", "binary"})

#: The kind of file that a parameter names, by words in its name.
_MEDIA: Final = (
    ("video", re.compile(r"video|clip|movie")),
    ("audio", re.compile(r"audio|voice|speech|song|music|sound")),
    ("image", re.compile(r"image|img|photo|picture|mask|frame|face|portrait")),
)

Base = TypeVar("Base", bound=Parameters)


def parameters_from(schema: Mapping[str, Any], base: type[Base]) -> type[Base]:
    """The class for a schema, a subclass of `base`; equal schemas give the same class.

    `schema` is an object's, and carries whatever it refers to.
    Raises ValueError when no parameters can be made of it.
    """
    written = json.dumps(schema)
    if len(written) > MAX_SCHEMA_LENGTH:
        raise ValueError(f"the schema has more than {MAX_SCHEMA_LENGTH} characters")
    try:
        return _class_of(written, base)
    except (TypeError, AttributeError, OverflowError, SchemaError, PydanticUserError) as unusable:
        raise ValueError("its types cannot be understood") from unusable


@cache
def _class_of(written: str, base: type[Base]) -> type[Base]:
    schema = json.loads(written)
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not all(isinstance(one, dict) for one in properties.values()):
        raise ValueError("the schema is not that of an object with properties")
    if len(properties) > MAX_PROPERTIES:
        raise ValueError(f"the schema has more than {MAX_PROPERTIES} parameters")
    required = schema.get("required") or []
    fields: dict[str, Any] = {}
    resolver = _Resolver(schema)
    for name in sorted(properties, key=lambda name: _order(properties[name])):
        if not _NAME.fullmatch(name) or (name.startswith("model_") and hasattr(base, name)):
            raise ValueError(f"a parameter cannot be called {name[:100]!r}")
        fields[name] = _field(resolver, name, properties[name], is_required=name in required)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Field name .* shadows an attribute")
        parameters = create_model("DescribedParameters", __base__=base, **fields)
        parameters.model_json_schema()
    return parameters


def _order(declared: Mapping[str, Any]) -> float:
    order = declared.get("x-order")
    return order if isinstance(order, int | float) else MAX_PROPERTIES


def _field(resolver: "_Resolver", name: str, declared: Mapping[str, Any], *, is_required: bool) -> tuple[Any, Any]:
    resolved = resolver.resolved(declared)
    kind, may_be_null = resolver.type_of(name, resolved)
    description = str(resolved.get("description") or "")[:MAX_DESCRIPTION] or None
    if is_required and resolved.get("default") is None:
        return (kind | None if may_be_null else kind), Field(description=description)
    default = resolved.get("default")
    return (kind | None if may_be_null or default is None else kind), Field(default=default, description=description)


class _Resolver:
    """Follows the references of one schema."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._parts_left = MAX_PARTS

    def resolved(self, declared: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
        """The declaration, with what it refers to laid below it. Raises ValueError for a reference to nowhere."""
        self._parts_left -= 1
        if not self._parts_left:
            raise ValueError("the schema refers to its parts too often")
        if depth > MAX_DEPTH:
            raise ValueError("the schema is nested too deeply")
        result = {key: value for key, value in declared.items() if key not in ("$ref", "allOf")}
        parts: list[Any] = list(declared.get("allOf", []))
        if "$ref" in declared:
            parts.append(self._at(str(declared["$ref"])))
        for part in parts:
            result = {**self.resolved(part, depth + 1), **result}
        return result

    def type_of(self, name: str, resolved: Mapping[str, Any], depth: int = 0) -> tuple[Any, bool]:
        """The Python type of a value, and whether it may be null as well."""
        if depth > MAX_DEPTH:
            raise ValueError("the schema is nested too deeply")
        options = [self.resolved(one) for one in resolved.get("anyOf") or resolved.get("oneOf") or ()]
        if options:
            kinds = [self.type_of(name, one, depth + 1)[0] for one in options if one.get("type") != "null"]
            may_be_null = len(kinds) < len(options) or bool(resolved.get("nullable"))
            return (reduce(or_, kinds) if kinds else JsonValue), may_be_null
        return self._plain_type(name, resolved, depth), bool(resolved.get("nullable"))

    def _plain_type(self, name: str, resolved: Mapping[str, Any], depth: int) -> Any:
        choices = resolved.get("enum", [resolved["const"]] if "const" in resolved else None)
        if choices and all(isinstance(choice, str | int) for choice in choices):
            return Literal[tuple(choices)]
        match resolved.get("type"):
            case "string":
                return _text(name, resolved)
            case "integer":
                return Annotated[int, _bounds(resolved)]
            case "number":
                return Annotated[float, _bounds(resolved)]
            case "boolean":
                return bool
            case "array":
                item, _ = self.type_of(name, self.resolved(resolved.get("items") or {}), depth + 1)
                return Annotated[list[item], _length(resolved)]  # type: ignore[valid-type]
            case "object":
                return dict[str, JsonValue]
            case _:
                return JsonValue

    def _at(self, reference: str) -> Mapping[str, Any]:
        found: Any = self._document
        for part in reference.removeprefix("#/").split("/"):
            found = found.get(part) if isinstance(found, dict) else None
        if isinstance(found, dict):
            return found
        raise ValueError(f"the schema refers to {reference[:100]!r}, which is not there")


def _text(name: str, resolved: Mapping[str, Any]) -> Any:
    if resolved.get("format") in _LINKS or (_names_a_link(name) and "maxLength" not in resolved):
        return file_input(_media_of(name, resolved))
    shortest, longest = _number(resolved, "minLength"), _number(resolved, "maxLength")
    return Annotated[
        str,
        StringConstraints(
            min_length=None if shortest is None else int(shortest),
            max_length=MAX_TEXT if longest is None else min(int(longest), MAX_TEXT),
        ),
    ]


def _names_a_link(name: str) -> bool:
    """Vendors that give no format call such parameters `image_url`, or `image_urls`."""
    return name.lower().endswith(("_url", "_urls"))


def _media_of(name: str, resolved: Mapping[str, Any]) -> str:
    for words in (name, str(resolved.get("title", ""))):
        for media, pattern in _MEDIA:
            if pattern.search(words.lower()):
                return media
    return ANY_FILE


def _bounds(resolved: Mapping[str, Any]) -> Any:
    return Field(
        ge=_number(resolved, "minimum"),
        le=_number(resolved, "maximum"),
        gt=_number(resolved, "exclusiveMinimum"),
        lt=_number(resolved, "exclusiveMaximum"),
    )


def _length(resolved: Mapping[str, Any]) -> Any:
    fewest, most = _number(resolved, "minItems"), _number(resolved, "maxItems")
    return Field(
        min_length=None if fewest is None else int(fewest),
        max_length=MAX_ITEMS if most is None else min(int(most), MAX_ITEMS),
    )


def _number(resolved: Mapping[str, Any], keyword: str) -> float | None:
    value = resolved.get(keyword)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
