"""A parameter's value as the text of a form's field, and back."""

import json
import math
from typing import Any, Final

from api.requests.strict_json import DECODER
from dashboard.forms.parameters.declarations import DeclaredParameter

YES: Final = "true"
NO: Final = "false"


def text_of(value: Any) -> str:
    """Null is empty; a text is itself; everything else is JSON."""
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)


def is_left_out(declared: DeclaredParameter, text: str) -> bool:
    """Whether nothing is said. A box that is not ticked says no where the parameter must be decided."""
    is_decided = declared.is_required or isinstance(declared.default, bool)
    return not text.strip() and not (declared.type == "boolean" and is_decided)


def value_of(declared: DeclaredParameter, text: str) -> Any:
    """Of the declared type; a text that is none of it stays text, to be rejected later."""
    for choice in declared.choices:
        if text_of(choice) == text:
            return choice
    match declared.type:
        case "boolean":
            return _BOOLEANS.get(text.strip(), text)
        case "integer" | "number":
            return _number(text.strip(), whole=declared.is_whole)
        case "string":
            return text.strip() if declared.media else text.replace("\r\n", "\n")
        case _:
            return values_of(text)


def values_of(text: str) -> Any:
    """What the JSON says; a text that is none stays text."""
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError):
        return text


_BOOLEANS: Final = {YES: True, NO: False, "": False}


def _number(text: str, *, whole: bool) -> int | float | str:
    try:
        number = int(text) if whole else float(text)
        return number if math.isfinite(number) else text
    except (ValueError, OverflowError):  # a whole number of hundreds of digits has no float
        return text
