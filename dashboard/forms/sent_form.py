"""The texts of a sent form, or of one that is filled in for its reader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from starlette.datastructures import FormData

from aijobs.domain.errors import AijobsError, IdempotencyMismatch
from aijobs.domain.values.ids import new_id

KEY: Final = "idempotency_key"
MAX_DIGITS: Final = 9


@dataclass(frozen=True)
class SentForm:
    """By the names of its fields. A field that is there several times is a list, or a choice with an open end."""

    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, form: FormData) -> Self:
        """Files are left out."""
        texts = dict[str, list[str]]()
        for name, value in form.multi_items():
            if isinstance(value, str):
                texts.setdefault(name, []).append(value)
        return cls(texts)

    def text(self, name: str, default: str = "") -> str:
        """The last one that is not empty; `default` when the field is not there."""
        texts = self.texts.get(name)
        if texts is None:
            return default
        return next((text for text in reversed(texts) if text.strip()), "")

    def rows(self, name: str) -> Sequence[str]:
        """Those that are not empty."""
        return [text for text in self.texts.get(name, ()) if text.strip()]


def form_key(sent: str = "", refused: AijobsError | None = None) -> str:
    """The idempotency key of a form that is shown: the one it was sent with, so that it does once what it asks for.

    A new one for a new form, and for one whose key has served another.
    """
    return sent if sent and not isinstance(refused, IdempotencyMismatch) else new_id("form")


def whole_number(text: str) -> int | None:
    """None for what is no whole number in ASCII digits, and for one that is much too large."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None
