"""The errors of a form that was refused: the first of them, and how many there are besides."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from aijobs.domain.errors import AijobsError, BadInput, FieldError
from api.problems import MAX_ERRORS, MAX_TEXT_LENGTH
from dashboard.language import Messages

MAX_SHOWN: Final = 100  #: characters of what was sent, within an error


def fields_shown(error: AijobsError | None) -> Sequence[FieldError]:
    """At most MAX_ERRORS, each of bounded length."""
    fields = error.fields if isinstance(error, BadInput) else ()
    return [replace(field, message=field.message[:MAX_TEXT_LENGTH]) for field in fields[:MAX_ERRORS]]


def summary_of(error: AijobsError, words: Messages) -> str:
    """The message of the error, which says how many fields are not shown."""
    more = len(error.fields) - MAX_ERRORS if isinstance(error, BadInput) else 0
    message = words.failure(error.code, str(error)[:MAX_TEXT_LENGTH])
    return f"{message}{words('error.more', count=more)}" if more > 0 else message


def messages_of(error: AijobsError | None, words: Messages, *, named: bool = False) -> list[str]:
    """The message of the error, then those of its fields; with `named`, each after the field's name."""
    if error is None:
        return []
    names = [
        f"{words.known('parameter', field.pointer.rpartition('/')[2][:MAX_SHOWN])}: " if named else ""
        for field in fields_shown(error)
    ]
    lines = [f"{name}{words.sentence(field.message)}" for name, field in zip(names, fields_shown(error), strict=True)]
    return [summary_of(error, words), *lines]


def shortened(text: str) -> str:
    """What was sent, as an error quotes it."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
