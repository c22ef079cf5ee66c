"""Numbers in texts that part cells by semicolons or tabs, as programs do where a comma begins the fraction."""

import re
from collections.abc import Iterable
from enum import Enum, auto
from typing import Final

_AMBIGUOUS: Final = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")  #: a thousand or a fraction
_COMMA: Final = re.compile(r"[+-]?(?:\d+,(?:\d{1,2}|\d{4,})|\d{1,3}(?:\.\d{3})+,\d+|0,\d+|\d{1,3}(?:\.\d{3}){2,})")
_POINT: Final = re.compile(r"[+-]?(?:\d+\.(?:\d{1,2}|\d{4,})|\d{1,3}(?:,\d{3})+\.\d+|0\.\d+|\d{1,3}(?:,\d{3}){2,})")

UNCERTAIN: Final = (
    "May be a thousand or a fraction. Write it without marks between thousands, and with two or more decimals."
)


class DecimalMark(Enum):
    """What begins a fraction in a file."""

    POINT = auto()
    COMMA = auto()
    UNKNOWN = auto()


def decimal_mark_of(texts: Iterable[str], separator: str) -> DecimalMark:
    """By the numbers whose mark is certain. Without any, files with commas or tabs have points."""
    has_comma = has_point = False
    for text in texts:
        if "," not in text and "." not in text:
            continue
        written = text.strip()
        has_comma |= _COMMA.fullmatch(written) is not None
        has_point |= _POINT.fullmatch(written) is not None
    if has_comma != has_point:
        return DecimalMark.COMMA if has_comma else DecimalMark.POINT
    return DecimalMark.UNKNOWN if has_comma or separator == ";" else DecimalMark.POINT


def number_in(text: str, mark: DecimalMark) -> tuple[str, str | None]:
    """The text as a number with a point, where it is one with a comma; and why it is not certain."""
    written = text.strip()
    if _AMBIGUOUS.fullmatch(written):
        match mark:
            case DecimalMark.UNKNOWN:
                return text, UNCERTAIN
            case DecimalMark.COMMA:
                return written.replace(".", "").replace(",", "."), None
    elif mark is not DecimalMark.POINT and _COMMA.fullmatch(written):
        return written.replace(".", "").replace(",", "."), None
    return text, None
