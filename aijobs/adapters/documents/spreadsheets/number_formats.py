"""Number formats of spreadsheets: what a number means, and what people see of it in the cell."""

import math
import re
from datetime import date, datetime, time, timedelta
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from xlfmt import format_value

from aijobs.domain.documents.column_values import MAX_EXACT, duration_text

GENERAL: Final = "General"
SECONDS_PER_DAY: Final = 86_400
FALSE_LEAP_DAY: Final = 60  #: Excel counts 29 February 1900, which never was, as its 60th day
LAST_SERIAL: Final = 2_958_465  #: 31 December 9999
DAYS_FROM_1900_TO_1904: Final = 1462
NO_DAY: Final = "Shows #####: it is no day of the calendar."

#: Formats that files name by number only (ECMA-376, part 1, 18.8.30). Dates depend on the reader's country: ISO 8601.
BUILT_IN: Final = {
    0: GENERAL,
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    5: "#,##0;-#,##0",
    6: "#,##0;-#,##0",
    7: "#,##0.00;-#,##0.00",
    8: "#,##0.00;-#,##0.00",
    12: "# ?/?",
    13: "# ??/??",
    14: "yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "yyyy-mm-dd hh:mm",
    **dict.fromkeys((*range(27, 32), 36, *range(50, 55), 57, 58), "yyyy-mm-dd"),
    32: "h:mm",
    33: "h:mm:ss",
    34: "h:mm",
    35: "h:mm:ss",
    55: "h:mm",
    56: "h:mm:ss",
    37: "#,##0;-#,##0",
    38: "#,##0;-#,##0",
    39: "#,##0.00;-#,##0.00",
    40: "#,##0.00;-#,##0.00",
    41: "#,##0;-#,##0",
    42: "#,##0;-#,##0",
    43: "#,##0.00;-#,##0.00",
    44: "#,##0.00;-#,##0.00",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: "@",
}

_LITERAL: Final = re.compile(r'"[^"]*"|\\.|[_*].|General|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_ELAPSED: Final = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_EXPONENT: Final = re.compile(r"e[+-]", re.IGNORECASE)
_DAY: Final = re.compile(r"[dygb]|aaa|e", re.IGNORECASE)
_CLOCK: Final = re.compile(r"[hs]|am/pm|上午/下午", re.IGNORECASE)
_MONTH: Final = re.compile("m", re.IGNORECASE)
#: Codes that depend on the reader's country, or that the renderer does not know: the value is given in plain form.
_UNKNOWN: Final = re.compile(
    r"\[dbnum|\[\$-(?:x-sys|f800|f400)|aaa|\bg{1,3}e|(?<![0#?.])\be{1,4}\b(?![+-])|b[12]|\[natnum", re.IGNORECASE
)
_PARTS_OF_SECONDS: Final = re.compile(r"s\]?\.0", re.IGNORECASE)
_OVERFLOW: Final = re.compile(r"#+")


#: Half days as Chinese formats name them: by a code of their own, or by their locale.
_CHINESE_HALVES: Final = "上午/下午"
_CHINESE: Final = re.compile(r"\[\$-(?:[0-9a-f]*[48]04|zh)", re.IGNORECASE)
_HALVES: Final = {"AM": "上午", "PM": "下午"}
#: Names of months and days in another language than English.
_FOREIGN_NAMES: Final = re.compile(r"\[\$-(?!(?:0*[148c]?0?09|en)\b)(?=[0-9a-z]).*(?:mmm|ddd)", re.IGNORECASE)


class Meaning(Enum):
    """What the numbers of a format are."""

    NUMBER = auto()
    DAY = auto()
    CLOCK = auto()
    DURATION = auto()


class NumberFormat:
    """A format code, in a workbook that counts days from 1900 or from 1904."""

    def __init__(self, code: str, *, from_1904: bool = False) -> None:
        self.code = code
        self._from_1904 = from_1904
        self.meaning = _meaning_of(code)
        self.shows_text_otherwise = "@" in code and code.strip() != "@"
        self._is_plain = code in {"", "@"} or code.lower() == GENERAL.lower()
        self._is_unknown = _UNKNOWN.search(code) is not None or _FOREIGN_NAMES.search(code) is not None
        self._has_chinese_halves = _CHINESE_HALVES in code or (
            "AM/PM" in code.upper() and _CHINESE.search(code) is not None
        )
        self._rendered_code = code.replace(_CHINESE_HALVES, "AM/PM")

    def value(self, number: float) -> int | float | date | time | timedelta:
        """A whole number is an int, as spreadsheets know no difference; a day that does not exist stays a number."""
        if self.meaning is Meaning.NUMBER:
            return plain_number(number)
        if self.meaning is Meaning.DURATION:
            elapsed = _elapsed(number)
            return number if elapsed is None else elapsed
        if self.meaning is Meaning.CLOCK and 0 <= number < 1:
            return _clock(number)
        return _moment(number, from_1904=self._from_1904) or number

    def shown(self, number: float) -> str:
        """What people see in the cell, in a column that is wide enough; the value where they would see nothing.

        A duration has its seconds also where the cell shows hours and minutes only: `36:00:00`.

        Raises ValueError when they see no value: a negative day, or one beyond the calendar.
        """
        if self._is_plain:
            return general(number)
        if self._is_unknown:
            return self._in_plain_form(number)
        if self.meaning is Meaning.DURATION and not _PARTS_OF_SECONDS.search(self.code):
            return _duration_shown(number)
        shown = self._rendered(number)
        if _OVERFLOW.fullmatch(shown):
            raise ValueError(NO_DAY)
        if self._has_chinese_halves:
            shown = re.sub("AM|PM", lambda half: _HALVES[half[0]], shown)
        return shown or self._in_plain_form(number)

    def _rendered(self, number: float) -> str:
        """Empty where the renderer does not know the format. Raises ValueError beyond the calendar."""
        try:
            return str(format_value(number, self._rendered_code, date1904=self._from_1904)).strip()
        except (ValueError, ArithmeticError, IndexError, TypeError) as unknown:
            if isinstance(unknown, OverflowError) and self.meaning is not Meaning.NUMBER:
                raise ValueError(NO_DAY) from unknown
            return ""

    def shown_text(self, text: str) -> str:
        """What people see of a text, such as `No. 5` under the format `"No. "@`."""
        try:
            return str(format_value(text, self.code)) or text
        except (ValueError, IndexError, TypeError):
            return text

    def _in_plain_form(self, number: float) -> str:
        match self.value(number):
            case datetime() as moment:
                return moment.isoformat(" ", "seconds")
            case date() | time() as when:
                return when.isoformat()
        return general(number)


@lru_cache(maxsize=4096)
def number_format(code: str, *, from_1904: bool = False) -> NumberFormat:
    return NumberFormat(code, from_1904=from_1904)


def plain_number(number: float) -> int | float:
    """An int where there is no fraction and no digit is lost."""
    return int(number) if abs(number) <= MAX_EXACT and number == int(number) else number


def general(number: float) -> str:
    """As in a cell without a format, with every digit that spreadsheets keep: 15."""
    if not math.isfinite(number):
        return str(number)
    whole = plain_number(number)
    return str(whole) if isinstance(whole, int) else f"{number:.15g}".replace("e", "E")


def _meaning_of(code: str) -> Meaning:
    bare = _EXPONENT.sub("", _LITERAL.sub("", code))
    if _ELAPSED.search(bare):
        return Meaning.DURATION
    clock, month = _CLOCK.search(bare), _MONTH.search(bare)
    if _DAY.search(bare) or (month and not clock):
        return Meaning.DAY
    return Meaning.CLOCK if clock else Meaning.NUMBER


def _clock(number: float) -> time:
    seconds = min(round(number * SECONDS_PER_DAY), SECONDS_PER_DAY - 1)
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60)


def _elapsed(number: float) -> timedelta | None:
    """None for more than a duration can be."""
    try:
        return timedelta(seconds=round(number * SECONDS_PER_DAY, 3))
    except (OverflowError, ValueError):
        return None


def _duration_shown(number: float) -> str:
    if (elapsed := _elapsed(number)) is None:
        raise ValueError(NO_DAY)
    return duration_text(elapsed)


def _moment(number: float, *, from_1904: bool) -> date | None:
    """The day, with its time of day where there is one. None for what is no day."""
    serial = number + DAYS_FROM_1900_TO_1904 if from_1904 else number
    if not 1 <= serial < LAST_SERIAL + 1 or FALSE_LEAP_DAY <= serial < FALSE_LEAP_DAY + 1:
        return None
    start = datetime(1899, 12, 30) if serial > FALSE_LEAP_DAY else datetime(1899, 12, 31)  # noqa: DTZ001
    moment = start + timedelta(seconds=min(round(serial * SECONDS_PER_DAY), (LAST_SERIAL + 1) * SECONDS_PER_DAY - 1))
    return moment.date() if moment.time() == time.min else moment
