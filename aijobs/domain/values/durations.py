"""Durations as operators write them: `500ms`, `30s`, `15m`, `24h`, `7d`."""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}

_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(written: object) -> object:
    """`"15m"` as a timedelta; anything that is not a text, or longer than every clock, is left to pydantic."""
    if not isinstance(written, str):
        return written
    found = _WRITTEN.fullmatch(written.strip())
    if found is None:
        return written
    try:
        return timedelta(seconds=float(found[1]) * UNITS[found[2]])
    except OverflowError:
        return written


def _duration(written: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(parse_duration(written))
    except ValidationError:
        raise PydanticCustomError("duration", "is no duration: write 1h, 30m or 90s") from None


Duration = Annotated[timedelta, WrapValidator(_duration)]


def written_duration(duration: timedelta) -> str:
    """As operators write it, in the largest unit that says it exactly: `7d`, `90s`, `1500ms`."""
    milliseconds = round(duration.total_seconds() * 1000)
    unit = next(name for name in reversed(UNITS) if milliseconds % round(UNITS[name] * 1000) == 0)
    return f"{milliseconds // round(UNITS[unit] * 1000)}{unit}"
