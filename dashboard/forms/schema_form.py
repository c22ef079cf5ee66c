"""Builds a form from the JSON Schema of a model's parameters, and reads the parameters from the sent form."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from aijobs.domain.values.redaction import without_secrets

#: A text that may be longer than this gets a textarea.
ONE_LINE: Final = 300

#: Parameters that always get a textarea.
PROSE: Final = frozenset({"prompt", "negative_prompt", "text", "instructions"})

#: The field for additional properties, where the schema allows them.
OTHER_FIELDS: Final = "*"


class Control(StrEnum):
    """The kind of input of a field."""

    FILE = "file"
    CHOICE = "choice"
    CHECKBOX = "checkbox"
    NUMBER = "number"
    LINE = "line"
    LINES = "lines"
    DOCUMENT = "document"  #: JSON, for types without a control of their own


@dataclass(frozen=True, kw_only=True)
class FormField:
    """`value` and `choices` are texts."""

    name: str
    control: Control
    label: str
    description: str
    is_required: bool
    value: str
    choices: Sequence[str] = ()
    minimum: float | None = None
    maximum: float | None = None
    step: str = "any"
    media: str = ""

    @property
    def sent_as(self) -> str:
        """Its name in the HTML form, which cannot clash with the form's other fields."""
        return f"params.{self.name}"


def fields_of(schema: Mapping[str, Any], sent: Mapping[str, str] | None = None) -> list[FormField]:
    """One field for each parameter, required ones first. `sent`: the fields of a form that was sent before."""
    fields = [_field(schema, name, declaration, sent) for name, declaration in schema.get("properties", {}).items()]
    if schema.get("additionalProperties"):
        fields.append(_other_fields_input(sent))
    return sorted(fields, key=lambda field: not field.is_required)


def parameters_of(schema: Mapping[str, Any], sent: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of a sent form. Empty fields are left out; invalid values stay text, to be rejected later."""
    parameters: dict[str, Any] = {}
    for name, declaration in schema.get("properties", {}).items():
        resolved = _resolve(schema, declaration)
        text = sent.get(f"params.{name}", "")
        if _control(name, resolved) is Control.CHECKBOX:
            parameters[name] = text == "on"
        elif text.strip():
            parameters[name] = _value(resolved, text)
    other_fields = sent.get(f"params.{OTHER_FIELDS}", "")
    if schema.get("additionalProperties") and other_fields.strip():
        extra = _json(other_fields)
        parameters |= extra if isinstance(extra, dict) else {OTHER_FIELDS: other_fields}
    return parameters


def sent_again(schema: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, str]:
    """The form as it was sent for these parameters: the opposite of `parameters_of`. What has secrets is left out."""
    sent: dict[str, str] = {}
    others: dict[str, Any] = {}
    for name, declaration in schema.get("properties", {}).items():
        default = declaration.get("default", _resolve(schema, declaration).get("default"))
        sent[f"params.{name}"] = _text_of(default)
    for name, value in params.items():
        if without_secrets({name: value})[name] != value:
            sent[f"params.{name}"] = ""
        elif name in schema.get("properties", {}):
            sent[f"params.{name}"] = _text_of(value)
        else:
            others[name] = value
    return sent | ({f"params.{OTHER_FIELDS}": _text_of(others)} if others else {})


def _field(
    schema: Mapping[str, Any], name: str, declaration: Mapping[str, Any], sent: Mapping[str, str] | None
) -> FormField:
    resolved = _resolve(schema, declaration)
    default = declaration.get("default", resolved.get("default"))
    value = _text_of(default) if sent is None else sent.get(f"params.{name}", "")
    return FormField(
        name=name,
        control=_control(name, resolved),
        label=name.replace("_", " "),
        description=declaration.get("description", ""),
        is_required=name in schema.get("required", []),
        value=value,
        choices=[_text_of(choice) for choice in _choices(resolved)],
        minimum=resolved.get("minimum"),
        maximum=resolved.get("maximum"),
        step="1" if resolved.get("type") == "integer" else "any",
        media=resolved.get("x-media", ""),
    )


def _other_fields_input(sent: Mapping[str, str] | None) -> FormField:
    return FormField(
        name=OTHER_FIELDS,
        control=Control.DOCUMENT,
        label=OTHER_FIELDS,
        description="",
        is_required=False,
        value=(sent or {}).get(f"params.{OTHER_FIELDS}", ""),
    )


def _resolve(schema: Mapping[str, Any], declaration: Mapping[str, Any]) -> Mapping[str, Any]:
    """The declaration with references resolved, and without `null` as an alternative."""
    if reference := declaration.get("$ref"):
        name = reference.rpartition("/")[2]
        return _resolve(schema, schema.get("$defs", {}).get(name, {}))
    possible = [option for option in _options(declaration) if option.get("type") != "null"]
    return _resolve(schema, {**declaration, "anyOf": [], **possible[0]}) if len(possible) == 1 else declaration


def _options(declaration: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for keyword in ("anyOf", "oneOf", "allOf"):
        yield from declaration.get(keyword, [])


def _control(name: str, resolved: Mapping[str, Any]) -> Control:
    if "x-media" in resolved:
        return Control.FILE
    if _choices(resolved):
        return Control.CHOICE
    match resolved.get("type"):
        case "boolean":
            return Control.CHECKBOX
        case "integer" | "number":
            return Control.NUMBER
        case "string":
            return Control.LINES if name in PROSE or resolved.get("maxLength", 0) > ONE_LINE else Control.LINE
        case _:
            return Control.DOCUMENT


def _choices(resolved: Mapping[str, Any]) -> Sequence[Any]:
    return [resolved["const"]] if "const" in resolved else resolved.get("enum", [])


def _value(resolved: Mapping[str, Any], text: str) -> Any:
    for choice in _choices(resolved):
        if _text_of(choice) == text:
            return choice
    match resolved.get("type"):
        case "integer" | "number":
            return _number(text.strip(), whole=resolved["type"] == "integer")
        case "string":
            return text.strip() if "x-media" in resolved else text
        case _:
            return _json(text)


def _number(text: str, *, whole: bool) -> int | float | str:
    try:
        return int(text) if whole else float(text)
    except ValueError:
        return text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _text_of(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "on" if value else ""
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)
