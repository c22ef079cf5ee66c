"""The texts of JSON as models write it: quotes of many kinds, and where a value ends."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn

Path = tuple[str | int, ...]

_SPACE: Final = re.compile(r"(?:[\s\ufeff\u200b]+|//[^\n]*|/\*.*?\*/|#[^\n]*)*", re.DOTALL)
_COMMENT: Final = re.compile(r"//|/\*|#")
_ELISION: Final = re.compile(
    r"\.\.\.|…|\b(?:more|rest|remaining|omit\w*|skip\w*|truncat\w*|etc|continu\w*|and so on|other rows)\b"
    r"|省略|其余|剩余|略|等等|以此类推|同上|后续",
    re.IGNORECASE,
)
CLOSERS: Final[Mapping[str, str]] = {
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
WORD: Final = re.compile(r"[^\W\d][\w$-]*")
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\", "/": "/"}
_HEX: Final = re.compile(r"[0-9a-fA-F]{4}")
_OTHER_CELLS: Final = re.compile(r"[{}｛｝\n]|[\"'”]\s*[:：]")
"""In a text with quotes of its own: perhaps the quotes of other cells."""

COMMA: Final = ",，"
COLON: Final = ":："


class Malformed(ValueError):
    """No JSON, or one whose meaning is uncertain. The message is also shown to the model."""


class Unclosed(Malformed):
    """The text ends within a document."""

    def __init__(self) -> None:
        super().__init__("It is cut off: its brackets are not closed.")


@dataclass
class TextReader:
    """Reads from `text` at `position`, within the objects and lists of `path`.

    `written` keeps what the answer said, by path, for values that needed more than their plain form.
    """

    text: str
    position: int
    written: dict[Path, str] = field(default_factory=dict)
    path: list[str | int] = field(default_factory=list)

    def string(self, quote: str, *, is_key: bool = False) -> str:
        """The text that begins with this quote. Raises Malformed where its end is uncertain."""
        start, pieces, inner = self.position, list[str](), list[int]()
        stops = re.compile(f"[\\\\{CLOSERS[quote]}]")
        self.position += 1
        while True:
            stop = stops.search(self.text, self.position)
            if stop is None:
                raise Unclosed
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
            self.refuse()
        return self.kept(text, self.text[start : self.position])

    def _ends_string(self, position: int, *, is_key: bool) -> bool:
        if not is_key:
            return self.ends_value(position)
        position = _after_space(self.text, position)
        if position >= len(self.text):
            raise Unclosed
        return self.text[position] in COLON

    def _are_inner_quotes(self, positions: list[int]) -> bool:
        """Pairs, an inch mark, or apostrophes. In a list of texts any other quote may begin the next text."""
        if self.path and isinstance(self.path[-1], int):
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
        character = self.peek()
        self.position += 1
        if character in _ESCAPES:
            return _ESCAPES[character]
        if character == "u":
            return self._unicode()
        return self.refuse()  # perhaps a backslash of the text itself: `C:\\path`, `\\frac`

    def _unicode(self) -> str:
        unit = self._hex()
        if 0xD800 <= unit < 0xDC00 and self.text.startswith("\\u", self.position):
            self.position += 2
            low = self._hex()
            if not 0xDC00 <= low < 0xE000:
                self.refuse()
            return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
        return chr(unit)

    def _hex(self) -> int:
        digits = _HEX.match(self.text, self.position)
        if digits is None:
            self.refuse()
        self.position = digits.end()
        return int(digits[0], 16)

    def ends_value(self, position: int) -> bool:
        """Whether a value may end here. Raises Unclosed: a number at the end of the text may go on."""
        position = _after_space(self.text, position)
        if position >= len(self.text):
            raise Unclosed
        if self.text[position] in COMMA and self.path and isinstance(self.path[-1], str):
            return self._is_key_or_end(position + 1)
        return self.text[position] in "}]｝］" + COMMA

    def _is_key_or_end(self, position: int) -> bool:
        """Whether a key, or the end of the object, follows a comma."""
        position = _after_space(self.text, position)
        if position >= len(self.text):
            raise Unclosed
        if self.text[position] in CLOSERS or self.text[position] in "}｝":
            return True
        word = WORD.match(self.text, position)
        if word is None:
            return False
        position = _after_space(self.text, word.end())
        return self.text[position : position + 1] in tuple(COLON)

    def kept(self, value: str, raw: str) -> str:
        self.written[tuple(self.path)] = raw
        return value

    def skip_space(self) -> None:
        end = _after_space(self.text, self.position)
        skipped = self.text[self.position : end]
        if _COMMENT.search(skipped) and _ELISION.search(skipped):
            raise Malformed("It leaves something out, and says so in a comment.")
        self.position = end

    def peek(self) -> str:
        if self.position >= len(self.text):
            raise Unclosed
        return self.text[self.position]

    def refuse(self) -> NoReturn:
        around = self.text[max(0, self.position - 20) : self.position + 20]
        raise Malformed(f"It is not valid JSON near {around!r}.")


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position
