"""What the JSON Schema of a model's parameters says of each of them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

MAX_DEPTH: Final = 12  #: of references
SLIDER_STEPS: Final = 100  #: or up to ten times as many
MOST_STEPS: Final = 1000  #: a range of more values has no slider

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class DeclaredParameter:
    """One parameter, or an item of its list. `schema` is the whole schema, which it may refer to."""

    schema: Schema
    name: str
    written: Schema

    @cached_property
    def resolved(self) -> Schema:
        """With references followed, and without `null` as an alternative."""
        return _resolve(self.schema, self.written, 0)

    @property
    def type(self) -> str | None:
        declared = self.resolved.get("type")
        if isinstance(declared, list):
            return next((str(one) for one in declared if one != "null"), None)
        return declared if isinstance(declared, str) else None

    @property
    def is_required(self) -> bool:
        return self.name in self.schema.get("required", [])

    @property
    def description(self) -> str:
        return str(self.written.get("description") or self.resolved.get("description") or "")

    @property
    def said(self) -> Mapping[str, Mapping[str, str]]:
        """By language, its `label` and `description`, where the schema has them."""
        found: Mapping[str, Mapping[str, str]] = self.written.get("x-in", {})
        return found

    @property
    def default(self) -> Any:
        return self.written.get("default", self.resolved.get("default"))

    @property
    def choices(self) -> Sequence[Any]:
        return [self.resolved["const"]] if "const" in self.resolved else self.resolved.get("enum", [])

    @property
    def media(self) -> str:
        """The kind of file that it names; empty for what is no file."""
        return str(self.resolved.get("x-media", ""))

    @property
    def reads_links(self) -> bool:
        """Whether a file may be a link too."""
        return self.resolved.get("format") != "file"

    @property
    def item(self) -> "DeclaredParameter":
        """Of a list."""
        return DeclaredParameter(self.schema, self.name, self.resolved.get("items") or {})

    @property
    def is_whole(self) -> bool:
        return self.type == "integer"

    @property
    def minimum(self) -> float | None:
        return self.number("minimum", "exclusiveMinimum")

    @property
    def maximum(self) -> float | None:
        return self.number("maximum", "exclusiveMaximum")

    @property
    def step(self) -> str:
        multiple = self.number("multipleOf")
        return f"{multiple:g}" if multiple else "1" if self.is_whole else "any"

    @property
    def slider_step(self) -> float | None:
        """None where the range has no two ends, or more values than a slider can reach."""
        if self.minimum is None or self.maximum is None or self.maximum <= self.minimum:
            return None
        span = self.maximum - self.minimum
        step = self.number("multipleOf") or (
            1.0 if self.is_whole else 10 ** math.floor(math.log10(span)) / SLIDER_STEPS
        )
        return step if 1 < span / step <= MOST_STEPS else None

    def number(self, *keywords: str) -> float | None:
        """The first that is there; whole ones as such."""
        for keyword in keywords:
            value = self.resolved.get(keyword)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return int(value) if float(value).is_integer() else value
        return None


def declarations_of(schema: Schema) -> Iterator[DeclaredParameter]:
    return (DeclaredParameter(schema, name, written) for name, written in schema.get("properties", {}).items())


def _resolve(schema: Schema, written: Schema, depth: int) -> Schema:
    """What cannot be followed stays as it is written."""
    if depth > MAX_DEPTH:
        return {}
    if reference := written.get("$ref"):
        beside = {key: value for key, value in written.items() if key != "$ref"}
        return {**_resolve(schema, _at(schema, str(reference)), depth + 1), **beside}
    possible = [option for option in _options(written) if option.get("type") != "null"]
    if len(possible) != 1:
        return written
    beside = {key: value for key, value in written.items() if key not in {"anyOf", "oneOf", "allOf"}}
    return _resolve(schema, {**possible[0], **beside}, depth + 1)


def _options(written: Schema) -> Iterator[Schema]:
    for keyword in ("anyOf", "oneOf", "allOf"):
        yield from written.get(keyword, [])


def _at(schema: Schema, reference: str) -> Schema:
    found: Any = schema
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}
