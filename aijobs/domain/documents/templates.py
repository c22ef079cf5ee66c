"""A template: the prompt of a document job, how it is cut into stages, and the columns of the table that comes out."""

import itertools
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final

import regex
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, field_validator
from pydantic_core import PydanticCustomError

from aijobs.domain.documents.column_values import CellValue, ColumnType, value_as
from aijobs.domain.documents.columns import MAX_PATTERN_LENGTH, Column, Line, require_summed
from aijobs.domain.documents.sources import ReviewPolicy
from aijobs.domain.documents.table_layout import TableLayout
from aijobs.domain.errors import FieldError
from aijobs.domain.values.json_pointer import pointer

TEMPLATE_ID: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
MAX_PROMPT_LENGTH: Final = 200_000  #: characters
MAX_COLUMNS: Final = 200
MAX_STAGES: Final = 100
MAX_IDENTIFIERS: Final = 100

#: What begins a stage where a template says nothing else: 阶段 and a number, perhaps as a Markdown heading or in 【】.
DEFAULT_PATTERN: Final = r"(?:#{0,3}\s*【?\s*阶段\s*(\d+)\s*】?)"

QUOTES: Final = "quotes"
MAX_ERRORS: Final = 50  #: reported at once
MAX_CELLS: Final = 200_000
"""Cells of an answer's table, the absent ones too: a few characters of an answer could ask for a row of MAX_COLUMNS."""
MAX_KEY_LENGTH: Final = 100
"""Characters of the key that an answer's list stands under: every error repeats it."""

Row = dict[str, CellValue]  #: by column name
PartTokens = Annotated[int, Field(strict=True, ge=300, le=10_000_000)]
MaxCost = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]

_JSON_TYPE: Final = {
    ColumnType.STRING: "string",
    ColumnType.INTEGER: "integer",
    ColumnType.NUMBER: "number",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DATE: "string",
}


class StageSettings(BaseModel):
    """How a prompt is cut: at the `identifiers` where there are any, else where the `pattern` matches.

    The pattern's first group, if it has one, is the stage's number. `max_stages` is the highest number that is kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    identifiers: tuple[Line, ...] = Field(default=(), max_length=MAX_IDENTIFIERS)
    pattern: str = Field(default=DEFAULT_PATTERN, min_length=1, max_length=MAX_PATTERN_LENGTH)
    strict_order: StrictBool = Field(default=True, description="by number; otherwise as they come in the prompt")
    max_stages: StrictInt = Field(default=10, ge=1, le=MAX_STAGES)

    @field_validator("identifiers", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.replace("，", ",").split(",") if part.strip())

    @field_validator("identifiers")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise PydanticCustomError("identifier_twice", "Each identifier can begin only one stage.")
        return value

    @field_validator("pattern")
    @classmethod
    def _usable(cls, value: str) -> str:
        try:
            compiled = regex.compile(value, regex.IGNORECASE)
        except (regex.error, RecursionError) as unusable:
            reason = str(unusable) if isinstance(unusable, regex.error) else "it is nested too deeply"
            raise PydanticCustomError(
                "pattern", "This is no regular expression: {reason}.", {"reason": reason}
            ) from None
        if compiled.match("") is not None:
            raise PydanticCustomError(
                "pattern_empty", "The pattern matches the empty text, so it would cut everywhere."
            )
        return value


class TemplateDefinition(TableLayout):
    """What is saved of a template: each time that it changes, as a new version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Line = Field(examples=["合同信息提取"])
    prompt: str = Field(min_length=1, max_length=MAX_PROMPT_LENGTH, description="the text that is cut into stages")
    columns: tuple[Column, ...] = Field(min_length=1, max_length=MAX_COLUMNS)
    stages: StageSettings = StageSettings()
    part_tokens: PartTokens | None = Field(
        default=None, description="of a long document's parts; as many as the model's window has room for"
    )
    max_cost: MaxCost | None = Field(default=None, description="of one document, in the currency of the prices")
    sources: StrictBool = Field(default=True, description="ask for a quotation from the document beside each value")

    review: ReviewPolicy = Field(default=ReviewPolicy.NEVER, description="which documents a person should look at")

    @field_validator("prompt")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip():
            raise PydanticCustomError("prompt_blank", "The prompt is blank.")
        return value

    @field_validator("columns")
    @classmethod
    def _names_differ(cls, value: tuple[Column, ...]) -> tuple[Column, ...]:
        names = [header_key(column.name) for column in value]
        if twice := sorted({column.name for column in value if names.count(header_key(column.name)) > 1}):
            raise PydanticCustomError("column_twice", "Columns must differ: {names}.", {"names": ", ".join(twice)})
        require_summed(value)
        return value


class Template(TemplateDefinition):
    """A saved version of a template."""

    id: str = Field(pattern=f"^{TEMPLATE_ID}$", examples=["contract_zh"])
    version: int
    create_time: datetime


@dataclass(frozen=True, kw_only=True)
class CheckedRows:
    """The result of checking a model's answer: rows, or errors in the order of the answer.

    Each row has every column of the template, in its order; an absent value is None. `ignored` are keys that the
    template does not know. `unfit` says what the answer has, by row and column, where the row has None instead.
    """

    rows: tuple[Row, ...] = ()
    errors: tuple[FieldError, ...] = ()
    ignored: tuple[str, ...] = ()
    unfit: Mapping[tuple[int, str], object] = field(default_factory=dict)


def header_key(name: str) -> str:
    """What counts when a header is compared with a column's name: no case, no spaces, no full-width forms."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def quotes_key(names: Iterable[str]) -> str:
    """The key of a row's quotations in an answer, which is no column's name."""
    taken = {header_key(name) for name in names}
    return next(key for number in itertools.count() if (key := QUOTES + "_" * number) not in taken)


def rows_schema(columns: Sequence[Column], *, sources: bool = False) -> dict[str, Any]:
    """The JSON schema of an answer, strict enough for structured output: `{"rows": [{…}]}`, absent values null.

    With `sources`, each row has an object of quotations too, by column.
    """
    properties: dict[str, Any] = {
        column.name: {"type": _JSON_TYPE[column.type] if column.required else [_JSON_TYPE[column.type], "null"]}
        for column in columns
    }
    if sources:
        texts = {column.name: {"type": ["string", "null"]} for column in columns}
        properties[quotes_key(texts)] = _object(texts)
    row = _object(properties)
    return {
        "type": "object",
        "properties": {"rows": {"type": "array", "items": row}},
        "required": ["rows"],
        "additionalProperties": False,
    }


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def check_rows(columns: Sequence[Column], data: Any, *, keep_unfit: bool = False) -> CheckedRows:
    """Check a model's JSON answer against the columns.

    Takes a list of objects, that list under a single key (`{"rows": […]}`), or one object that is a row itself. Errors
    point into what was given; after MAX_ERRORS of them, or MAX_CELLS, no more of it is looked at. With `keep_unfit`, a
    value that is not of its column's type, or a required one that is missing, is no error.
    """
    found, at = _listed(columns, data)
    if found is None:
        return CheckedRows(errors=(FieldError(pointer(*at), "Must be a list of objects, one for each row."),))
    rows, errors, ignored = list[Row](), list[FieldError](), dict[str, None]()
    unfit = dict[tuple[int, str], object]()
    name_of = {header_key(column.name): column.name for column in columns}
    for index, item in enumerate(found):
        if (index + 1) * len(columns) > MAX_CELLS:
            errors.append(FieldError(pointer(*at), f"Must have at most {MAX_CELLS:,} cells, with the absent ones."))
            break
        row, wrong, unknown = _checked(columns, name_of, item)
        if keep_unfit and row is not None:
            given = {name_of.get(header_key(key)): value for key, value in item.items()}
            unfit |= {(index, name): given.get(name) for (name,) in wrong}
            row, wrong = {column.name: row.get(column.name) for column in columns}, {}
        errors += [FieldError(pointer(*at, index, *where), message) for where, message in wrong.items()]
        if len(errors) >= MAX_ERRORS:
            break
        if not errors and row is not None:
            rows.append(row)
            ignored |= dict.fromkeys(unknown)
    if errors:
        return CheckedRows(errors=tuple(errors[:MAX_ERRORS]))
    return CheckedRows(rows=tuple(rows), ignored=tuple(ignored), unfit=unfit)


def _listed(columns: Sequence[Column], data: Any) -> tuple[list[Any] | None, tuple[str, ...]]:
    """The rows of an answer, and where in it they are."""
    if isinstance(data, list):
        return data, ()
    if not isinstance(data, dict):
        return None, ()
    names = {header_key(column.name) for column in columns}
    if any(header_key(key) in names for key in data):
        return [data], ()
    for key, only in data.items() if len(data) == 1 else ():
        if isinstance(only, list) and len(key) <= MAX_KEY_LENGTH:
            return only, (key,)
    return None, ()


def _checked(
    columns: Sequence[Column], name_of: Mapping[str, str], item: object
) -> tuple[Row | None, dict[tuple[str, ...], str], list[str]]:
    """The row, its errors by position in the row, and unknown keys. `name_of` maps keys to column names.

    No row where it cannot be told which values belong to which columns.
    """
    if not isinstance(item, dict):
        return None, {(): "Must be an object."}, []
    keys = {key: header_key(key) for key in item}
    given_for = dict[str, str]()
    for given, key in keys.items():
        if key in name_of and given_for.setdefault(key, given) != given:
            return None, {(given,): f"Names the same column as {given_for[key]!r}."}, []
    row, wrong = check_row(columns, {name_of[key]: item[given] for given, key in keys.items() if key in name_of})
    unknown = [given for given, key in keys.items() if key not in name_of]
    return row, {(name,): message for name, message in wrong.items()}, unknown


def check_row(columns: Sequence[Column], given: Mapping[str, object]) -> tuple[Row, dict[str, str]]:
    """One row of values by column name, in the columns' types; and its errors by column name."""
    row, wrong = dict[str, CellValue](), dict[str, str]()
    for column in columns:
        try:
            row[column.name] = cell_value(column, given.get(column.name))
        except ValueError as unfit:
            wrong[column.name] = str(unfit)
    return row, wrong


def cell_value(column: Column, raw: object) -> CellValue:
    """A cell's value in its column's type; None for an empty one. Raises ValueError with the reason."""
    value = value_as(column.type, raw)
    if value is None and column.required:
        raise ValueError("Must not be empty.")
    return value
