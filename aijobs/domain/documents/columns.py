"""A column of a template's table: its name, its type, and the rules that its values keep."""

import functools
from datetime import date
from typing import Annotated, Any, Final, Self

import regex
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from aijobs.domain.documents.column_values import CellValue, ColumnType, value_as

MAX_PATTERN_LENGTH: Final = 500
MAX_LISTED_VALUES: Final = 1000  #: of one column's list
ORDERED: Final = frozenset({ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.DATE})
SUMMED: Final = frozenset({ColumnType.INTEGER, ColumnType.NUMBER})

Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
]


class Column(BaseModel):
    """One column of the table; its name is the header in Excel and the key in JSON.

    The rules are for people: a value that breaks one is kept, and marked. An empty cell breaks none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Line = Field(examples=["合同金额"])
    type: ColumnType = ColumnType.STRING
    required: StrictBool = False
    pattern: str | None = Field(
        default=None, min_length=1, max_length=MAX_PATTERN_LENGTH, description="what the whole text must match"
    )
    minimum: CellValue = Field(default=None, description="the least value, or the first day")
    maximum: CellValue = Field(default=None, description="the greatest value, or the last day")
    one_of: tuple[CellValue, ...] = Field(default=(), max_length=MAX_LISTED_VALUES, description="the only values")
    unique: StrictBool = Field(default=False, description="no value twice in one document")
    sum_equals: Line | None = Field(
        default=None, description="the column that holds, in each row, the sum of this column's values"
    )
    sum_per: Line | None = Field(
        default=None, description="the column whose equal values make the rows of one sum; all rows without it"
    )

    @field_validator("minimum", "maximum", mode="before")
    @classmethod
    def _written_day(cls, value: object) -> object:
        return value.isoformat() if isinstance(value, date) else value

    @field_validator("one_of", mode="before")
    @classmethod
    def _written_days(cls, values: object) -> object:
        if not isinstance(values, list | tuple):
            return values
        return [value.isoformat() if isinstance(value, date) else value for value in values]

    @model_validator(mode="after")
    def _rules_fit(self) -> Self:
        """The rules fit the type and each other; their values are converted to the type."""
        if self.pattern is not None:
            self._require(self.type is ColumnType.STRING, "a pattern is for the type string, not {type}.")
            _compiled(self.name, self.pattern)
        bounds = {name: value for name in ("minimum", "maximum") if (value := getattr(self, name)) is not None}
        self._require(not bounds or self.type in ORDERED, "minimum and maximum are for numbers and dates, not {type}.")
        self._require(self.type is not ColumnType.BOOLEAN or not self.one_of, "one_of is not for the type boolean.")
        fitting: dict[str, Any] = {name: self._fitting(name, value) for name, value in bounds.items()}
        if self.one_of:
            fitting["one_of"] = tuple(self._fitting("one_of", value) for value in self.one_of)
        vars(self).update(fitting)
        if len(bounds) == 2:
            self._require(not fitting["minimum"] > fitting["maximum"], "minimum is greater than maximum.")
        self._require(self.sum_equals is None or self.type in SUMMED, "sum_equals is for numbers, not {type}.")
        self._require(self.sum_per is None or self.sum_equals is not None, "sum_per needs sum_equals.")
        return self

    def _require(self, fits: bool, message: str) -> None:  # noqa: FBT001
        if not fits:
            raise _rule_error(self.name, message.format(type=self.type))

    def _fitting(self, rule: str, raw: CellValue) -> CellValue:
        try:
            value = value_as(self.type, raw)
        except ValueError as unfit:
            raise _rule_error(self.name, f"{rule} {raw!r} does not fit the type {self.type}. {unfit}") from None
        self._require(value is not None, f"{rule} holds an empty value.")
        return value


def require_summed(columns: tuple[Column, ...]) -> None:
    """Raises PydanticCustomError, which names the column, when a sum refers to a column that there is not."""
    by_name = {column.name: column for column in columns}
    for column in columns:
        for rule, name in (("sum_equals", column.sum_equals), ("sum_per", column.sum_per)):
            if name is not None and (name not in by_name or name == column.name):
                raise _rule_error(column.name, f"{rule} must name another column; {name!r} is none.")
        if column.sum_equals is not None and by_name[column.sum_equals].type not in SUMMED:
            raise _rule_error(column.name, f"sum_equals must name a column of numbers; {column.sum_equals!r} is none.")


def _rule_error(name: str, reason: str) -> PydanticCustomError:
    return PydanticCustomError("column_rule", "Column {name}: {reason}", {"name": repr(name), "reason": reason})


@functools.lru_cache(maxsize=256)
def compiled_pattern(pattern: str) -> "regex.Pattern[str]":
    """Raises regex.error, and RecursionError for one that is nested too deeply."""
    return regex.compile(pattern)


def _compiled(name: str, pattern: str) -> None:
    try:
        compiled_pattern(pattern)
    except regex.error as unusable:
        raise _rule_error(name, f"its pattern is no regular expression: {unusable}.") from None
    except RecursionError:
        raise _rule_error(name, "its pattern is nested too deeply.") from None
