"""What the OpenAPI description says of an operation, as a page shows it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aijobs.domain.values.languages.messages import Messages

Schema = Mapping[str, Any]

SCHEMAS: Final = "#/components/schemas/"
EXAMPLES: Final = "#/components/examples/"
DEEPEST: Final = 4  #: of fields within fields
MAX_VALUES: Final = 20  #: of an enumeration
PARAGRAPH: Final = "\n\n"  #: between two of them


@dataclass(frozen=True, kw_only=True)
class OperationBrief:
    """A line of the index. `name` is the operation's id; `english` is the summary as the description has it."""

    name: str
    method: str
    path: str
    summary: str
    english: str
    tag: str

    @property
    def said(self) -> str:
        """What it is found by, in small letters: in English too."""
        parts = dict.fromkeys([self.method, self.path, self.summary, self.english, self.name, self.tag])
        return " ".join(parts).lower()

    def has(self, text: str) -> bool:
        """Whether all words of the text are in what the line is found by."""
        return all(word in self.said for word in text.lower().split())


@dataclass(frozen=True, kw_only=True)
class DescribedParameter:
    """`place` is `path`, `query` or `header`; `values` are an enumeration's; an `is_list` may be sent several times."""

    name: str
    place: str
    type: str
    is_required: bool
    is_list: bool
    description: str
    values: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class BodyField:
    """A field of a body, or a field within one: then `depth` is not 0."""

    name: str
    type: str
    depth: int
    is_required: bool
    is_file: bool
    description: str


@dataclass(frozen=True, kw_only=True)
class DescribedBody:
    """What is sent or answered in one media type. `example` is a text."""

    media_type: str
    fields: Sequence[BodyField]
    example: str


@dataclass(frozen=True, kw_only=True)
class DescribedAnswer:
    """What may come, by its status."""

    status: str
    description: str
    bodies: Sequence[DescribedBody]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """All of an operation. `is_open`: it needs no key."""

    brief: OperationBrief
    description: str
    is_open: bool
    parameters: Sequence[DescribedParameter]
    bodies: Sequence[DescribedBody]
    answers: Sequence[DescribedAnswer]


def text_of(words: Messages, text: str) -> str:
    """A text of the description in the language of the words, each of its paragraphs by itself."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split(PARAGRAPH)]
    return PARAGRAPH.join(words.sentence(paragraph) for paragraph in paragraphs if paragraph)


def briefs_of(openapi: Schema, words: Messages) -> list[OperationBrief]:
    """In the order of the description."""
    return [
        OperationBrief(
            name=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=text_of(words, operation["summary"]),
            english=operation["summary"],
            tag=operation["tags"][0],
        )
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    ]


def operation_of(openapi: Schema, name: str, words: Messages) -> Operation | None:
    """The operation with this id; None when there is none."""
    brief = next((brief for brief in briefs_of(openapi, words) if brief.name == name), None)
    if brief is None:
        return None
    said, reader = openapi["paths"][brief.path][brief.method.lower()], _DescriptionReader(openapi["components"], words)
    return Operation(
        brief=brief,
        description=text_of(words, said.get("description", "")),
        is_open=not said["security"],
        parameters=[reader.parameter(parameter) for parameter in said.get("parameters", ())],
        bodies=reader.bodies(said.get("requestBody", {})),
        answers=[
            DescribedAnswer(
                status=status, description=text_of(words, answer["description"]), bodies=reader.bodies(answer)
            )
            for status, answer in said["responses"].items()
        ],
    )


class _DescriptionReader:
    def __init__(self, components: Schema, words: Messages) -> None:
        self._words = words
        self._schemas = components["schemas"]
        self._examples = components["examples"]

    def parameter(self, said: Schema) -> DescribedParameter:
        choices = [self._resolved(choice) for choice in _choices(self._resolved(said["schema"]))]
        lists = [choice for choice in choices if choice.get("type") == "array"]
        plain = [self._resolved(choice["items"]) if choice in lists else choice for choice in choices]
        return DescribedParameter(
            name=said["name"],
            place=said["in"],
            type=self.type_of(said["schema"]),
            is_required=said.get("required", False),
            is_list=bool(lists),
            description=text_of(self._words, said.get("description", "")),
            values=[str(value) for choice in plain for value in choice.get("enum", ())][:MAX_VALUES],
        )

    def bodies(self, said: Schema) -> list[DescribedBody]:
        return [
            DescribedBody(
                media_type=media_type,
                fields=list(self._fields(content.get("schema", {}), 0, ())),
                example=self._example(content),
            )
            for media_type, content in said.get("content", {}).items()
        ]

    def type_of(self, schema: Schema) -> str:
        """A few words: `string`, `list of Output`, `integer or null`."""
        if "$ref" in schema:
            resolved = self._resolved(schema)
            return _values(resolved) if "enum" in resolved else str(schema["$ref"]).removeprefix(SCHEMAS)
        if "const" in schema:
            return json.dumps(schema["const"])
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self._words("reference.or").join(dict.fromkeys(self.type_of(choice) for choice in choices))
        if "enum" in schema:
            return _values(schema)
        if schema.get("type") == "array":
            return self._words("reference.list_of", type=self.type_of(schema.get("items", {})))
        bounds = [f"{word} {schema[key]:g}" for key, word in (("minimum", "≥"), ("maximum", "≤")) if key in schema]
        kind = (
            f"{schema['type']} {schema.get('format', '')}".strip() if "type" in schema else self._words("reference.any")
        )
        return " ".join([kind, *bounds])

    def _fields(self, schema: Schema, depth: int, within: tuple[str, ...]) -> Iterator[BodyField]:
        """A schema within itself is not shown again."""
        for choice in _choices(self._resolved(schema)):
            inner = choice.get("items", choice) if choice.get("type") == "array" else choice
            name, resolved = inner.get("$ref", ""), self._resolved(inner)
            if depth >= DEEPEST or (name and name in within):
                continue
            for field, said in resolved.get("properties", {}).items():
                yield BodyField(
                    name=field,
                    type=self.type_of(said),
                    depth=depth,
                    is_required=field in resolved.get("required", ()),
                    is_file=said.get("format") == "binary",
                    description=text_of(self._words, said.get("description", "")),
                )
                yield from self._fields(said, depth + 1, (*within, name))

    def _resolved(self, schema: Schema) -> Schema:
        return self._schemas[schema["$ref"].removeprefix(SCHEMAS)] if "$ref" in schema else schema

    def _example(self, content: Schema) -> str:
        given = list(content.get("examples", {}).values()) or [{"value": content.get("example")}]
        first = given[0]
        value = self._examples[first["$ref"].removeprefix(EXAMPLES)]["value"] if "$ref" in first else first["value"]
        return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)


def _choices(schema: Schema) -> Sequence[Schema]:
    return [choice for choice in schema.get("anyOf") or schema.get("oneOf") or [schema] if choice.get("type") != "null"]


def _values(schema: Schema) -> str:
    values = [str(value) for value in schema["enum"]]
    return " | ".join([*values[:MAX_VALUES], *(["…"] if len(values) > MAX_VALUES else [])])
