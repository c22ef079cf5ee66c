"""Values of a table's cells: what Excel, CSV and language models write, converted to the column's type."""

import math
import re
import unicodedata
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, Self

CellValue = str | int | float | bool | None

MAX_CELL_LENGTH: Final = 32_767  #: characters, by Excel's specification
MAX_EXACT: Final = 2**53 - 1  #: JSON and Excel keep numbers as IEEE 754 doubles; above this they lose digits


class WrittenFloat(float):
    """A number that remembers how it was written: a text column keeps `1.10`, where a float alone is `1.1`."""

    def __new__(cls, written: str) -> Self:
        number = super().__new__(cls, written)
        number.written = written
        return number

    written: str


class ColumnType(StrEnum):
    """What a column holds. Dates are days without a time, kept as `2026-11-21`."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"


_TRUE: Final = frozenset({"true", "yes", "是", "1"})
_FALSE: Final = frozenset({"false", "no", "否", "0"})
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3}){1,10}|\d{1,30})(?:\.\d{0,30})?(?:[eE][+-]?\d{1,3})?")
_DATE: Final = re.compile(
    r"(\d{4})(?:-(\d{1,2})-|/(\d{1,2})/|\.(\d{1,2})\.|年(\d{1,2})月)(\d{1,2})日?(?:[T ]00:00(?::00)?)?"
)
_UNFIT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def fit_text(text: str) -> str:
    """Without the characters that XML 1.0, and so Excel, cannot hold."""
    return _UNFIT.sub("", text)


def value_as(kind: ColumnType, raw: object) -> CellValue:
    """The value in the column's type; None for an empty cell. Raises ValueError with the reason."""
    if raw is None or (isinstance(raw, str) and not fit_text(raw).strip()):
        return None
    match kind:
        case ColumnType.STRING:
            return _text(raw)
        case ColumnType.INTEGER:
            return _whole(raw)
        case ColumnType.NUMBER:
            return _number(raw)
        case ColumnType.BOOLEAN:
            return _truth(raw)
        case ColumnType.DATE:
            return _day(raw).isoformat()


def _text(raw: object) -> str:
    text = _written(raw)
    if len(text) > MAX_CELL_LENGTH:
        raise ValueError(f"Must have at most {MAX_CELL_LENGTH:,} characters.")
    return text


def _written(raw: object) -> str:
    match raw:
        case str():
            return fit_text(raw)
        case bool():
            return "true" if raw else "false"
        case int() | float():
            return _digits(raw)
        case datetime():
            return raw.isoformat(" ", "seconds") if raw.time() != time.min else raw.date().isoformat()
        case date() | time():
            return raw.isoformat()
        case timedelta():
            return duration_text(raw)
    raise ValueError("Must be text.")


def duration_text(duration: timedelta) -> str:
    """In hours, as spreadsheets show it: `36:00:00`."""
    sign, seconds = ("-", -duration) if duration < timedelta() else ("", duration)
    minutes, second = divmod(round(seconds.total_seconds()), 60)
    return f"{sign}{minutes // 60}:{minutes % 60:02}:{second:02}"


def _digits(number: float) -> str:
    """Without a fraction where there is none: Excel knows no whole numbers."""
    if isinstance(number, WrittenFloat):
        return number.written
    whole = isinstance(number, float) and number.is_integer() and abs(number) <= MAX_EXACT
    return str(int(number) if whole else number)


def _number(raw: object) -> int | float:
    match raw:
        case bool():
            raise ValueError("Must be a number.")
        case int():
            number: int | float = raw
        case float():
            number = float(raw)
        case str() if _NUMBER.fullmatch(written := unicodedata.normalize("NFKC", raw).strip()):
            bare = written.replace(",", "")
            number = int(bare) if bare.lstrip("+-").isdecimal() else float(bare)
        case _:
            raise ValueError("Must be a number.")
    if isinstance(number, int):
        if abs(number) > MAX_EXACT:
            raise ValueError("Has more digits than a number keeps; a column of type string would keep them.")
    elif not math.isfinite(number):
        raise ValueError("Must be a finite number.")
    return number


def _whole(raw: object) -> int:
    try:
        number = _number(raw)
    except ValueError as unfit:
        raise ValueError(str(unfit).replace("a number", "a whole number")) from None
    if isinstance(number, float) and not (number.is_integer() and abs(number) <= MAX_EXACT):
        raise ValueError("Must be a whole number.")
    return int(number)


def _truth(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    written = _text(raw).strip().casefold() if isinstance(raw, str | int | float) else ""
    if written not in _TRUE | _FALSE:
        raise ValueError("Must be true or false (or yes, no, 是, 否).")
    return written in _TRUE


def _day(raw: object) -> date:
    match raw:
        case datetime():
            if raw.time() != time.min:
                raise ValueError("Has a time of day, which a day would lose; a column of type string would keep it.")
            return raw.date()
        case date():
            return raw
        case str() if found := _DATE.fullmatch(unicodedata.normalize("NFKC", raw).strip()):
            year, *months, day = (part for part in found.groups() if part)
            try:
                return date(int(year), int(months[0]), int(day))
            except ValueError:
                raise ValueError("Must be a day of the calendar, such as 2026-11-21.") from None
    raise ValueError("Must be a date, such as 2026-11-21.")
