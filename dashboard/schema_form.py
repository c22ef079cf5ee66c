"""A form made from the JSON Schema of a model's parameters, and what was filled in, as the API takes it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

#: A text that may be longer than this gets several lines.
ONE_LINE: Final = 300

#: Parameters that are prose, however long they may be.
PROSE: Final = frozenset({"prompt", "negative_prompt", "text", "instructions"})

#: The field for what the schema does not name, where it takes such.
OTHERS: Final = "*"


class Control(StrEnum):
    """What a field looks like."""

    FILE = "file"
    CHOICE = "choice"
    CHECKBOX = "checkbox"
    NUMBER = "number"
    LINE = "line"
    LINES = "lines"
    DOCUMENT = "document"  #: JSON, for what has no control of its own


@dataclass(frozen=True, kw_only=True)
class FormField:
    """`value` is what stands in it, as text. `choices` are texts too."""

    name: str
    control: Control
    label: str
    description: str
    is_required: bool
    value: str
    choices: Sequence[str] = ()
    least: float | None = None
    most: float | None = None
    step: str = "any"
    media: str = ""

    @property
    def sent_as(self) -> str:
        """Its name in the HTML form, away from the form's other fields."""
        return f"params.{self.name}"


def fields_of(schema: Mapping[str, Any], sent: Mapping[str, str] | None = None) -> list[FormField]:
    """One field for each parameter, those that are required first. `sent` is what was filled in before."""
    fields = [_field(schema, name, declared, sent) for name, declared in schema.get("properties", {}).items()]
    if schema.get("additionalProperties"):
        fields.append(_others(sent))
    return sorted(fields, key=lambda field: not field.is_required)


def parameters_of(schema: Mapping[str, Any], sent: Mapping[str, str]) -> dict[str, Any]:
    """What was filled in. What is empty is left out; what cannot be read stays a text, and is refused by the model."""
    found: dict[str, Any] = {}
    for name, declared in schema.get("properties", {}).items():
        plain = _plain(schema, declared)
        written = sent.get(f"params.{name}", "")
        if _control(name, plain) is Control.CHECKBOX:
            found[name] = written == "on"
        elif written.strip():
            found[name] = _value(plain, written)
    others = sent.get(f"params.{OTHERS}", "")
    if schema.get("additionalProperties") and others.strip():
        named = _json(others)
        found |= named if isinstance(named, dict) else {OTHERS: others}
    return found


def _field(
    schema: Mapping[str, Any], name: str, declared: Mapping[str, Any], sent: Mapping[str, str] | None
) -> FormField:
    plain = _plain(schema, declared)
    default = declared.get("default", plain.get("default"))
    value = _written(default) if sent is None else sent.get(f"params.{name}", "")
    return FormField(
        name=name,
        control=_control(name, plain),
        label=name.replace("_", " "),
        description=declared.get("description", ""),
        is_required=name in schema.get("required", []),
        value=value,
        choices=[_written(choice) for choice in _choices(plain)],
        least=plain.get("minimum"),
        most=plain.get("maximum"),
        step="1" if plain.get("type") == "integer" else "any",
        media=plain.get("x-media", ""),
    )


def _others(sent: Mapping[str, str] | None) -> FormField:
    return FormField(
        name=OTHERS,
        control=Control.DOCUMENT,
        label=OTHERS,
        description="",
        is_required=False,
        value=(sent or {}).get(f"params.{OTHERS}", ""),
    )


def _plain(schema: Mapping[str, Any], declared: Mapping[str, Any]) -> Mapping[str, Any]:
    """A declaration without its detours: references, and `null` as the other possibility."""
    if reference := declared.get("$ref"):
        name = reference.rpartition("/")[2]
        return _plain(schema, schema.get("$defs", {}).get(name, {}))
    possible = [option for option in _options(declared) if option.get("type") != "null"]
    return _plain(schema, {**declared, "anyOf": [], **possible[0]}) if len(possible) == 1 else declared


def _options(declared: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for word in ("anyOf", "oneOf", "allOf"):
        yield from declared.get(word, [])


def _control(name: str, plain: Mapping[str, Any]) -> Control:
    if "x-media" in plain:
        return Control.FILE
    if _choices(plain):
        return Control.CHOICE
    match plain.get("type"):
        case "boolean":
            return Control.CHECKBOX
        case "integer" | "number":
            return Control.NUMBER
        case "string":
            return Control.LINES if name in PROSE or plain.get("maxLength", 0) > ONE_LINE else Control.LINE
        case _:
            return Control.DOCUMENT


def _choices(plain: Mapping[str, Any]) -> Sequence[Any]:
    return [plain["const"]] if "const" in plain else plain.get("enum", [])


def _value(plain: Mapping[str, Any], written: str) -> Any:
    for choice in _choices(plain):
        if _written(choice) == written:
            return choice
    match plain.get("type"):
        case "integer" | "number":
            return _number(written.strip(), whole=plain["type"] == "integer")
        case "string":
            return written.strip() if "x-media" in plain else written
        case _:
            return _json(written)


def _number(written: str, *, whole: bool) -> int | float | str:
    try:
        return int(written) if whole else float(written)
    except ValueError:
        return written


def _json(written: str) -> Any:
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return written


def _written(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "on" if value else ""
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)
