"""Reads JSON as language models write it.

Each deviation that is taken has one meaning; everything else is refused, so that nothing is guessed:

===============================================  ===============================================
taken                                            as
===============================================  ===============================================
`'…'`, `“…”`, `「…」`, full-width `｛［：，＂`        their plain forms
a comma before a closing bracket, none           nothing, a comma
between `}` and `{`
`// …`, `/* … */`, `# …`                         nothing, unless they say that something is left out
`True` `FALSE` `None`                            `true` `false` `null`
`NaN`, `Infinity`, `007`, `+5`, `１２`             their text, which the column takes or refuses
`1,250` in an object                             its text: a key cannot begin with a digit
`{key: …}`                                       `{"key": …}`
a line break in a text; `\\'`                     itself; an apostrophe
`"a "b" c"`, `"19" wide"`, `'it's'`              the quotes are part of the text, where they are a pair, an inch mark or
                                                 an apostrophe, and no other end of the text is possible
===============================================  ===============================================
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from aijobs.domain.documents.column_values import WrittenFloat
from aijobs.generators.answers.tolerant_text import CLOSERS, COLON, COMMA, WORD, Malformed, TextReader

MAX_DEPTH: Final = 64  #: nested brackets; a table needs three
MAX_DIGITS: Final = 20
MAX_INTEGER: Final = 2**63

_LITERALS: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "null": None, "none": None}
_CONSTANT: Final = re.compile(r"[+-]?(?:NaN|Infinity|nan|inf)\b")
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
_PLAIN: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)


def integer(text: str) -> int | str:
    """A whole number; its text where no column could store it."""
    if len(text) > MAX_DIGITS:
        return text
    return text if abs(number := int(text)) > MAX_INTEGER else number


def decimal(text: str) -> float | str:
    """A number that remembers how it was written; its text where it is too large."""
    number = WrittenFloat(text)
    return number if math.isfinite(number) else text


class TolerantReader(TextReader):
    """Reads one document."""

    def value(self) -> Any:
        """The value at `position`, which then is behind it. Raises Malformed; Unclosed where the text ends in it."""
        self.skip_space()
        match self.peek():
            case "{" | "｛":
                return self._object()
            case "[" | "［":
                return self._array()
            case quote if quote in CLOSERS:
                return self.string(quote)
            case _:
                return self._scalar()

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._open()
        while not self._closes("}｝"):
            key = self._key()
            if key in found:
                raise Malformed(f"The key {key[:50]!r} stands twice in one object.")
            self._expect(COLON)
            found[key] = self._inner(key)
            self._separate("}｝")
        return found

    def _array(self) -> list[Any]:
        found: list[Any] = []
        self._open()
        while not self._closes("]］"):
            found.append(self._inner(len(found)))
            self._separate("]］", may_be_missing=self.text[self.position - 1] in "}｝")
        return found

    def _inner(self, key: str | int) -> Any:
        self.path.append(key)
        try:
            return self.value()
        finally:
            self.path.pop()

    def _open(self) -> None:
        if len(self.path) >= MAX_DEPTH:
            raise Malformed(f"Its brackets are nested deeper than {MAX_DEPTH}.")
        self.position += 1

    def _closes(self, closers: str) -> bool:
        self.skip_space()
        if self.peek() not in closers:
            return False
        self.position += 1
        return True

    def _separate(self, closers: str, *, may_be_missing: bool = False) -> None:
        """Pass a comma, if there is one. Before a closing bracket, and between `}` and `{`, there need be none."""
        self.skip_space()
        character = self.peek()
        if character in COMMA:
            self.position += 1
        elif character not in closers and not (may_be_missing and character in "{｛"):
            self.refuse()

    def _expect(self, characters: str) -> None:
        self.skip_space()
        if self.peek() not in characters:
            self.refuse()
        self.position += 1

    def _key(self) -> str:
        if (quote := self.peek()) in CLOSERS:
            return self.string(quote, is_key=True)
        word = WORD.match(self.text, self.position)
        if word is None:
            self.refuse()
        self.position = word.end()
        return word[0]

    def _scalar(self) -> Any:
        in_object = bool(self.path) and isinstance(self.path[-1], str)
        for pattern in (_CONSTANT, _GROUPED, _NUMBER, WORD) if in_object else (_CONSTANT, _NUMBER, WORD):
            found = pattern.match(self.text, self.position)
            if found is not None and self.ends_value(found.end()):
                return self._literal(found[0], found.end())
        return self.refuse()

    def _literal(self, raw: str, end: int) -> Any:
        if raw.casefold() in _LITERALS:
            value: Any = _LITERALS[raw.casefold()]
        elif _PLAIN.fullmatch(raw):
            value = integer(raw) if raw.lstrip("-").isdigit() else decimal(raw)
        elif WORD.fullmatch(raw) and not _CONSTANT.fullmatch(raw):
            self.refuse()
        else:
            value = self.kept(raw, raw)
        self.position = end
        return value
