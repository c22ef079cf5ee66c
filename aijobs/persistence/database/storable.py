"""Which values can be stored: the same on SQLite and on PostgreSQL, each of which takes some that the other refuses.

Callers' values are checked where they come in, and vendors' are cleaned (`domain.values.clean_text`). This is behind
both.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, StatementError

from aijobs.domain.errors import BadInput

#: A NUL in JSON. A backslash that is itself escaped does not begin one.
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
NOT_TEXT: Final = "Text that is stored must not hold NUL or lone surrogates."
NOT_A_NUMBER: Final = "A number that is stored must be finite."
TOO_LARGE: Final = "A number is too large, or a text too long, to be stored."

#: SQLSTATEs of PostgreSQL for values that it does not take, by their class.
DATA_ERRORS: Final = "22"


def dump_json(value: Any) -> str:
    """JSON as it is stored: keys in their order, ASCII. Raises BadInput for what cannot be stored."""
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError as unstorable:
        raise BadInput(NOT_A_NUMBER) from unstorable
    if "\\u" in text and not _is_text(json.dumps(value, ensure_ascii=False)):
        raise BadInput(NOT_TEXT)
    return text


def _is_text(written: str) -> bool:
    try:
        written.encode()
    except UnicodeEncodeError:
        return False
    return _NUL.search(written) is None


def refuse_unstorable(engine: Engine) -> None:
    """Have statements of an engine raise BadInput for text with a NUL, and for numbers that are not finite."""
    event.listen(engine, "before_cursor_execute", _check)


def _check(
    _connection: Connection, _cursor: object, _statement: str, parameters: Any, _context: object, _are_many: object
) -> None:
    for value in _values(parameters):
        if type(value) is str and "\0" in value:
            raise BadInput(NOT_TEXT)
        if type(value) is float and not math.isfinite(value):
            raise BadInput(NOT_A_NUMBER)


def _values(parameters: Any) -> Iterator[Any]:
    """Of one row or of several: several may be one long row."""
    for value in parameters.values() if isinstance(parameters, dict) else parameters:
        if isinstance(value, tuple | list | dict):
            yield from _values(value)
        else:
            yield value


def refusal(error: BaseException) -> BadInput | None:
    """BadInput, where an error of a driver means that a value cannot be stored; None for errors of other kinds."""
    cause = error.orig if isinstance(error, StatementError) else error
    if isinstance(cause, BadInput):
        return cause
    if isinstance(cause, UnicodeEncodeError):
        return BadInput(NOT_TEXT)
    if isinstance(cause, OverflowError):
        return BadInput(TOO_LARGE)
    if isinstance(error, DBAPIError) and type(cause).__module__.startswith("psycopg"):
        return _refusal_of_postgresql(cause)
    return None


def _refusal_of_postgresql(cause: object) -> BadInput | None:
    state: str | None = getattr(cause, "sqlstate", None)
    if state is None:
        return BadInput(NOT_TEXT) if type(cause).__name__ == "DataError" else None
    return BadInput(TOO_LARGE) if state.startswith(DATA_ERRORS) else None
