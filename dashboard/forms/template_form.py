"""The form of a template: its fields as text, and the definition that is read from them.

A column is one line: its name, then `:` and its type, then `: required`; `金额 : number : required`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from pydantic import ValidationError

from aijobs.domain.documents.column_values import ColumnType
from aijobs.domain.documents.sources import ReviewPolicy
from aijobs.domain.documents.templates import DEFAULT_PATTERN, MAX_COLUMNS, Template, TemplateDefinition
from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.values.clean_text import clean
from dashboard.forms.column_rule_lines import add_rules, rule_lines
from dashboard.forms.form_errors import shortened
from dashboard.forms.sent_form import whole_number

REQUIRED: Final = ("required", "必填")
COLONS: Final = (":", "：")
MAX_STAGES: Final = "10"
_DECIMAL: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?")


@dataclass(frozen=True, kw_only=True)
class TemplateForm:
    """Every field as text. `columns`, `rules` and `identifiers` have one on each line."""

    id: str = ""
    name: str = ""
    prompt: str = ""
    columns: str = ""
    rules: str = ""
    identifiers: str = ""
    pattern: str = DEFAULT_PATTERN
    strict_order: bool = True
    max_stages: str = MAX_STAGES
    header_row: str = ""
    first_data_row: str = ""
    sheet: str = ""
    part_tokens: str = ""
    max_cost: str = ""
    sources: bool = True
    review: str = ReviewPolicy.NEVER

    @classmethod
    def of(cls, template: Template) -> Self:
        return cls(
            id=template.id,
            name=template.name,
            prompt=template.prompt,
            columns="\n".join(
                f"{column.name} : {column.type}{' : required' if column.required else ''}"
                for column in template.columns
            ),
            rules="\n".join(rule_lines(template.columns)),
            identifiers="\n".join(template.stages.identifiers),
            pattern=template.stages.pattern,
            strict_order=template.stages.strict_order,
            max_stages=str(template.stages.max_stages),
            header_row=str(template.header_row or ""),
            first_data_row=str(template.first_data_row or ""),
            sheet=template.sheet or "",
            part_tokens=str(template.part_tokens or ""),
            max_cost="" if template.max_cost is None else f"{template.max_cost:.12g}",
            sources=template.sources,
            review=template.review,
        )

    @classmethod
    def sent(cls, fields: Mapping[str, str]) -> Self:
        """From a sent form. Browsers end lines with CR LF (HTML, 4.10.21.4)."""
        texts = {name: clean(text).replace("\r\n", "\n") for name, text in fields.items()}
        return cls(
            id=texts.get("id", "").strip(),
            name=texts.get("name", "").strip(),
            prompt=texts.get("prompt", ""),
            columns=texts.get("columns", ""),
            rules=texts.get("rules", ""),
            identifiers=texts.get("identifiers", ""),
            pattern=texts.get("pattern", "") or DEFAULT_PATTERN,
            strict_order="strict_order" in fields,
            max_stages=texts.get("max_stages", "").strip() or MAX_STAGES,
            header_row=texts.get("header_row", "").strip(),
            first_data_row=texts.get("first_data_row", "").strip(),
            sheet=texts.get("sheet", "").strip(),
            part_tokens=texts.get("part_tokens", "").strip(),
            max_cost=texts.get("max_cost", "").strip(),
            sources="sources" in fields,
            review=texts.get("review", "").strip() or ReviewPolicy.NEVER,
        )

    def definition(self) -> TemplateDefinition:
        """Raises InvalidParameters, whose pointers are the names of this form's fields."""
        numbered = _numbered_lines(self.columns)
        if len(numbered) > MAX_COLUMNS:
            raise InvalidParameters("Some fields are wrong.", FieldError("/columns", f"At most {MAX_COLUMNS} columns."))
        columns = [_column(line) for _, line in numbered]
        add_rules(columns, _numbered_lines(self.rules))
        definition: dict[str, Any] = {
            "name": self.name,
            "prompt": self.prompt,
            "columns": columns,
            "stages": {
                "identifiers": [line for _, line in _numbered_lines(self.identifiers)],
                "pattern": self.pattern,
                "strict_order": self.strict_order,
                "max_stages": _number(self.max_stages),
            },
            "header_row": _optional(self.header_row),
            "first_data_row": _optional(self.first_data_row),
            "sheet": self.sheet or None,
            "part_tokens": _optional(self.part_tokens),
            "max_cost": _decimal(self.max_cost) if self.max_cost else None,
            "sources": self.sources,
            "review": self.review,
        }
        try:
            return TemplateDefinition.model_validate(definition)
        except ValidationError as invalid:
            lines = {"columns": numbered, "identifiers": _numbered_lines(self.identifiers)}
            field_errors = [_field(error["type"], error["loc"], error["msg"], lines) for error in invalid.errors()]
            raise InvalidParameters("Some fields are wrong.", *field_errors) from None


def _number(text: str) -> int | str:
    """What is no number, or is much too large, is refused by its field."""
    number = whole_number(text)
    return shortened(text) if number is None else number


def _optional(text: str) -> int | str | None:
    return _number(text) if text else None


def _decimal(text: str) -> float | str:
    """In digits, with a point; what is none is refused by its field."""
    return float(text) if _DECIMAL.fullmatch(text) else shortened(text)


def _numbered_lines(text: str) -> list[tuple[int, str]]:
    """The lines that are not empty, with their numbers."""
    return [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _column(line: str) -> dict[str, Any]:
    """A name with a colon in it must be followed by its type."""
    rest, word = _last_word(line)
    required = word.lower() in REQUIRED
    if required:
        rest, word = _last_word(rest)
    return {"name": rest, "type": word.lower() or ColumnType.STRING, "required": required}


def _last_word(line: str) -> tuple[str, str]:
    """The text before and after the last colon; without a colon, the whole text and an empty one."""
    colon_at = max(line.rfind(colon) for colon in COLONS)
    return (line[:colon_at].strip(), line[colon_at + 1 :].strip()) if colon_at > 0 else (line, "")


def _field(
    error_type: str, location: Sequence[int | str], message: str, lines: Mapping[str, Sequence[tuple[int, str]]]
) -> FieldError:
    path = location[1:] if location[0] == "stages" else location
    name = str(path[0])
    if error_type == "column_rule":
        return FieldError("/rules", message)
    if name in lines and len(path) > 1 and isinstance(path[1], int):
        number, line = lines[name][path[1]]
        return FieldError(f"/{name}", f"Line {number} ({shortened(line)}): {message}")
    return FieldError(f"/{name}", message)
