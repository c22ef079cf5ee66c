"""Builds a form from the JSON Schema of a model's parameters, and reads the parameters from the sent form."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from aijobs.domain.values.redaction import without_secrets
from dashboard.forms.parameters.aspects import USUAL, Proportion
from dashboard.forms.parameters.controls import MANY, Control, control_of
from dashboard.forms.parameters.declarations import DeclaredParameter, Schema, declarations_of
from dashboard.forms.parameters.texts import NO, YES, is_left_out, text_of, value_of, values_of
from dashboard.forms.sent_form import SentForm
from dashboard.language import Messages

PREFIX: Final = "params."  #: of its fields in the HTML form, which so cannot clash with the form's other fields

#: The field for additional properties, where the schema allows them.
OTHER_FIELDS: Final = "*"


@dataclass(frozen=True)
class Choice:
    """`aspect` is drawn beside its name."""

    value: str
    aspect: Proportion | None = None


@dataclass(frozen=True, kw_only=True)
class FormField:
    """`values` has the text of each row of a list, and of any other field at most one. `item` is a row's control.

    `said` has label and description by language. `choices` of a template come from the page. `is_open`: another value
    than the choices may be written.
    """

    name: str
    control: Control
    label: str
    description: str = ""
    said: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    is_required: bool = False
    values: Sequence[str] = ()
    default: str = ""
    choices: Sequence[Choice] = ()
    is_open: bool = False
    item: Control | None = None
    minimum: float | None = None
    maximum: float | None = None
    step: str = "any"
    slider_step: float | None = None
    max_length: float | None = None
    max_items: float | None = None
    media: str = ""
    reads_links: bool = True

    @property
    def sent_as(self) -> str:
        """Its name in the HTML form."""
        return f"{PREFIX}{self.name}"

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""

    @property
    def is_list(self) -> bool:
        return self.control in MANY

    @property
    def row_control(self) -> Control:
        return self.item or self.control

    @property
    def rows(self) -> Sequence[str]:
        """What is filled in, and an empty row while there may be more."""
        full = self.max_items is not None and len(self.values) >= self.max_items
        return self.values if full else [*self.values, ""]

    @property
    def other_value(self) -> str:
        """What was written instead of a choice."""
        return "" if self.value in [choice.value for choice in self.choices] else self.value


def in_words(fields: Iterable[FormField], words: Messages) -> list[FormField]:
    """The same fields, with labels and descriptions in a language, where it has them."""
    return [_in_words(field, words) for field in fields]


def _in_words(field: FormField, words: Messages) -> FormField:
    said = field.said.get(words.language.value, {})
    label = said.get("label", field.name)
    return replace(
        field,
        label=field.label if label == field.name else label,
        description=said.get("description") or words.sentence(field.description),
    )


def fields_of(schema: Schema, sent: SentForm | None = None) -> list[FormField]:
    """One field for each parameter, required ones first. `sent`: what it is filled with, instead of the defaults."""
    fields = [_field(declared, sent) for declared in declarations_of(schema)]
    if schema.get("additionalProperties"):
        written = (sent or SentForm()).text(f"{PREFIX}{OTHER_FIELDS}")
        fields.append(FormField(name=OTHER_FIELDS, control=Control.DOCUMENT, label=OTHER_FIELDS, values=[written]))
    return sorted(fields, key=lambda field: not field.is_required)


def parameters_of(schema: Schema, sent: SentForm) -> dict[str, Any]:
    """The parameters of a sent form. Empty fields are left out; invalid values stay text, to be rejected later."""
    parameters: dict[str, Any] = {}
    for declared in declarations_of(schema):
        name = f"{PREFIX}{declared.name}"
        if control_of(declared) in MANY:
            if rows := sent.rows(name):
                parameters[declared.name] = [value_of(declared.item, text) for text in rows]
        elif not is_left_out(declared, text := sent.text(name)):
            parameters[declared.name] = value_of(declared, text)
    other_fields = sent.text(f"{PREFIX}{OTHER_FIELDS}")
    if schema.get("additionalProperties") and other_fields.strip():
        extra = values_of(other_fields)
        parameters |= extra if isinstance(extra, dict) else {OTHER_FIELDS: other_fields}
    return parameters


def filled_form(schema: Schema, params: Mapping[str, Any]) -> SentForm:
    """The form as it was sent for these parameters: the opposite of `parameters_of`. What has secrets is left out."""
    texts: dict[str, Sequence[str]] = {field.sent_as: field.values for field in fields_of(schema)}
    known = {declared.name: declared for declared in declarations_of(schema)}
    others: dict[str, Any] = {}
    for name, value in params.items():
        if without_secrets({name: value})[name] != value:
            texts[f"{PREFIX}{name}"] = []
        elif name not in known:
            others[name] = value
        elif control_of(known[name]) in MANY and isinstance(value, list):
            texts[f"{PREFIX}{name}"] = [text_of(one) for one in value]
        else:
            texts[f"{PREFIX}{name}"] = [text_of(value)]
    return SentForm({**texts, f"{PREFIX}{OTHER_FIELDS}": [text_of(others)]} if others else texts)


def _field(declared: DeclaredParameter, sent: SentForm | None) -> FormField:
    control = control_of(declared)
    is_list = control in MANY
    kind = declared.item if is_list else declared
    choices = _choices(control, kind)
    return FormField(
        name=declared.name,
        control=control,
        label=declared.name.replace("_", " "),
        description=declared.description,
        said=declared.said,
        is_required=declared.is_required,
        values=_values(declared, sent, is_list=is_list),
        default="" if is_list else text_of(declared.default),
        choices=choices,
        is_open=control is Control.ASPECT and not kind.choices,
        item=_row_control(kind) if is_list else None,
        minimum=kind.minimum,
        maximum=kind.maximum,
        step=kind.step,
        slider_step=kind.slider_step,
        max_length=kind.number("maxLength"),
        max_items=declared.number("maxItems") if is_list else None,
        media=kind.media,
        reads_links=kind.reads_links,
    )


def _row_control(item: DeclaredParameter) -> Control:
    """A row has no place for drawings."""
    control = control_of(item)
    if control is Control.ASPECT:
        return Control.CHOICE if item.choices else Control.LINE
    return control


def _values(declared: DeclaredParameter, sent: SentForm | None, *, is_list: bool) -> Sequence[str]:
    name = f"{PREFIX}{declared.name}"
    if is_list:
        default = declared.default if isinstance(declared.default, list) else []
        return [text_of(one) for one in default] if sent is None else sent.rows(name)
    text = text_of(declared.default) if sent is None else sent.text(name)
    return [text] if text else []


def _choices(control: Control, kind: DeclaredParameter) -> list[Choice]:
    if control is Control.ASPECT:
        return [Choice(text, Proportion.of(text)) for text in map(text_of, kind.choices or USUAL)]
    if control is Control.YES_OR_NO:
        return [Choice(YES), Choice(NO)]
    return [Choice(text_of(choice)) for choice in kind.choices]
