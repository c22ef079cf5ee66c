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
a line break in a text; `\\_`, `\\'`               itself; the character behind the backslash
`"a "b" c"`, `"19" wide"`, `'it's'`              the quotes are part of the text, where they are a pair, an inch mark or
                                                 an apostrophe, and no other end of the text is possible
===============================================  ===============================================
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from aijobs.domain.documents.column_values import WrittenFloat

MAX_DEPTH: Final = 64  #: nested brackets; a table needs three
MAX_DIGITS: Final = 20
MAX_INTEGER: Final = 2**63

Path = tuple[str | int, ...]

_SPACE: Final = re.compile(r"(?:[\s\ufeff\u200b]+|//[^\n]*|/\*.*?\*/|#[^\n]*)*", re.DOTALL)
_COMMENT: Final = re.compile(r"//|/\*|#")
_ELISION: Final = re.compile(
    r"\.\.\.|…|\b(?:more|rest|remaining|omit\w*|skip\w*|truncat\w*|etc|continu\w*|and so on|other rows)\b"
    r"|省略|其余|剩余|略|等等|以此类推|同上|后续",
    re.IGNORECASE,
)
_CLOSERS: Final[Mapping[str, str]] = {
    '"': '"',
    "'": "'",
    "＂": "＂",
    "“": "”",
    "”": "”",
    "„": "“”",
    "‘": "’",
    "’": "’",
    "「": "」",
    "『": "』",
}
_WORD: Final = re.compile(r"[^\W\d][\w$-]*")
_LITERALS: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "null": None, "none": None}
_CONSTANT: Final = re.compile(r"[+-]?(?:NaN|Infinity|nan|inf)\b")
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
_PLAIN: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX: Final = re.compile(r"[0-9a-fA-F]{4}")
_OTHER_CELLS: Final = re.compile(r"[{}｛｝\n]|[\"'”]\s*[:：]")
"""In a text with quotes of its own: perhaps the quotes of other cells."""

_COMMA: Final = ",，"
_COLON: Final = ":："


class Malformed(ValueError):
    """No JSON, or one whose meaning is uncertain. The message is also shown to the model."""


class Cut(Malformed):
    """The text ends within a document."""

    def __init__(self) -> None:
        super().__init__("It is cut off: its brackets are not closed.")


def integer(text: str) -> int | str:
    """A whole number; its text where no column could store it."""
    if len(text) > MAX_DIGITS:
        return text
    return text if abs(number := int(text)) > MAX_INTEGER else number


def decimal(text: str) -> float | str:
    """A number that remembers how it was written; its text where it is too large."""
    number = WrittenFloat(text)
    return number if math.isfinite(number) else text


@dataclass
class TolerantReader:
    """Reads one document of `text`, which begins at `position`.

    `written` keeps what the answer said, by path, for values that needed more than their plain form.
    """

    text: str
    position: int
    written: dict[Path, str] = field(default_factory=dict)
    _path: list[str | int] = field(default_factory=list)

    def value(self) -> Any:
        """The value at `position`, which then is behind it. Raises Malformed, and Cut where the text ends within it."""
        self._skip_space()
        match self._peek():
            case "{" | "｛":
                return self._object()
            case "[" | "［":
                return self._array()
            case quote if quote in _CLOSERS:
                return self._string(quote)
            case _:
                return self._scalar()

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._open()
        while not self._closes("}｝"):
            key = self._key()
            if key in found:
                raise Malformed(f"The key {key[:50]!r} stands twice in one object.")
            self._expect(_COLON)
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
        self._path.append(key)
        try:
            return self.value()
        finally:
            self._path.pop()

    def _open(self) -> None:
        if len(self._path) >= MAX_DEPTH:
            raise Malformed(f"Its brackets are nested deeper than {MAX_DEPTH}.")
        self.position += 1

    def _closes(self, closers: str) -> bool:
        self._skip_space()
        if self._peek() not in closers:
            return False
        self.position += 1
        return True

    def _separate(self, closers: str, *, may_be_missing: bool = False) -> None:
        """Pass a comma, if there is one. Before a closing bracket, and between `}` and `{`, there need be none."""
        self._skip_space()
        character = self._peek()
        if character in _COMMA:
            self.position += 1
        elif character not in closers and not (may_be_missing and character in "{｛"):
            self._refuse()

    def _expect(self, characters: str) -> None:
        self._skip_space()
        if self._peek() not in characters:
            self._refuse()
        self.position += 1

    def _key(self) -> str:
        if (quote := self._peek()) in _CLOSERS:
            return self._string(quote, is_key=True)
        word = _WORD.match(self.text, self.position)
        if word is None:
            self._refuse()
        self.position = word.end()
        return word[0]

    def _scalar(self) -> Any:
        in_object = bool(self._path) and isinstance(self._path[-1], str)
        for pattern in (_CONSTANT, _GROUPED, _NUMBER, _WORD) if in_object else (_CONSTANT, _NUMBER, _WORD):
            found = pattern.match(self.text, self.position)
            if found is not None and self._ends_value(found.end()):
                return self._literal(found[0], found.end())
        return self._refuse()

    def _literal(self, raw: str, end: int) -> Any:
        if raw.casefold() in _LITERALS:
            value: Any = _LITERALS[raw.casefold()]
        elif _PLAIN.fullmatch(raw):
            value = integer(raw) if raw.lstrip("-").isdigit() else decimal(raw)
        elif _WORD.fullmatch(raw) and not _CONSTANT.fullmatch(raw):
            self._refuse()
        else:
            value = self._kept(raw, raw)
        self.position = end
        return value

    def _ends_value(self, position: int) -> bool:
        """Whether a value may end here. Raises Cut: a number at the end of the text may go on."""
        position = _after_space(self.text, position)
        if position >= len(self.text):
            raise Cut
        if self.text[position] in _COMMA and self._path and isinstance(self._path[-1], str):
            return self._is_key_or_end(position + 1)
        return self.text[position] in "}]｝］" + _COMMA

    def _is_key_or_end(self, position: int) -> bool:
        """Whether a key, or the end of the object, follows a comma."""
        position = _after_space(self.text, position)
        if position >= len(self.text):
            raise Cut
        if self.text[position] in _CLOSERS or self.text[position] in "}｝":
            return True
        word = _WORD.match(self.text, position)
        if word is None:
            return False
        position = _after_space(self.text, word.end())
        return self.text[position : position + 1] in tuple(_COLON)

    def _string(self, quote: str, *, is_key: bool = False) -> str:
        start, pieces, inner = self.position, list[str](), list[int]()
        stops = re.compile(f"[\\\\{_CLOSERS[quote]}]")
        self.position += 1
        while True:
            stop = stops.search(self.text, self.position)
            if stop is None:
                raise Cut
            pieces.append(self.text[self.position : stop.start()])
            self.position = stop.end()
            if stop[0] == "\\":
                pieces.append(self._escape())
            elif self._ends_string(stop.end(), is_key=is_key):
                break
            else:
                pieces.append(stop[0])
                inner.append(stop.start())
        text = "".join(pieces)
        if not inner:
            return text
        if is_key or _OTHER_CELLS.search(text) or not self._are_inner_quotes(inner):
            self._refuse()
        return self._kept(text, self.text[start : self.position])

    def _ends_string(self, position: int, *, is_key: bool) -> bool:
        if not is_key:
            return self._ends_value(position)
        position = _after_space(self.text, position)
        if position >= len(self.text):
            raise Cut
        return self.text[position] in _COLON

    def _are_inner_quotes(self, positions: list[int]) -> bool:
        """Pairs, an inch mark, or apostrophes. In a list of texts any other quote may begin the next text."""
        if self._path and isinstance(self._path[-1], int):
            return False
        around = [(self.text[at - 1], self.text[at + 1]) for at in positions]
        if all(quote in "'’" for quote in (self.text[at] for at in positions)):
            return all(before.isalpha() and after.isalpha() for before, after in around)
        if len(positions) == 1:
            return around[0][0].isdigit() and around[0][1] == " "
        opening, closing = around[::2], around[1::2]
        spans = [self.text[start + 1 : end] for start, end in zip(positions[::2], positions[1::2], strict=False)]
        return (
            len(opening) == len(closing)
            and all(not before.isalnum() or before > "\u2e80" for before, _ in opening)
            and all(not after.isalnum() or after > "\u2e80" for _, after in closing)
            and all(span == span.strip() and span[0].isalnum() and span[-1] not in ",，:：" for span in spans if span)
            and all(spans)
        )

    def _escape(self) -> str:
        character = self._peek()
        self.position += 1
        if character in _ESCAPES:
            return _ESCAPES[character]
        if character == "u":
            return self._unicode()
        if character.isalnum() or character.isspace():
            self._refuse()
        return character

    def _unicode(self) -> str:
        unit = self._hex()
        if 0xD800 <= unit < 0xDC00 and self.text.startswith("\\u", self.position):
            self.position += 2
            low = self._hex()
            if not 0xDC00 <= low < 0xE000:
                self._refuse()
            return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
        return chr(unit)

    def _hex(self) -> int:
        digits = _HEX.match(self.text, self.position)
        if digits is None:
            self._refuse()
        self.position = digits.end()
        return int(digits[0], 16)

    def _kept(self, value: str, raw: str) -> str:
        self.written[tuple(self._path)] = raw
        return value

    def _skip_space(self) -> None:
        end = _after_space(self.text, self.position)
        skipped = self.text[self.position : end]
        if _COMMENT.search(skipped) and _ELISION.search(skipped):
            raise Malformed("It leaves something out, and says so in a comment.")
        self.position = end

    def _peek(self) -> str:
        if self.position >= len(self.text):
            raise Cut
        return self.text[self.position]

    def _refuse(self) -> NoReturn:
        around = self.text[max(0, self.position - 20) : self.position + 20]
        raise Malformed(f"It is not valid JSON near {around!r}.")


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position
