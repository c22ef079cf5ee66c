"""Makes foreign text harmless for a terminal: characters that would control the terminal become visible ones.

Messages, names and links come from vendors and users. Each dangerous character becomes one visible one, so that a line
stays one line and what is cut, padded or styled by its length stays right.
"""

import re
from collections.abc import Mapping
from typing import Final

from rich.text import Text

_UNSEEN: Final = "\ufffd"
_PICTURES: Final = 0x2400  #: Unicode's pictures of the control characters

#: C0 and DEL as their pictures; C1, what turns the direction of writing, the other line breaks, and half characters.
_VISIBLE: Final[Mapping[int, str]] = {
    **{code: chr(_PICTURES + code) for code in range(0x20)},
    0x7F: "\u2421",
    **dict.fromkeys(range(0x80, 0xA0), _UNSEEN),
    **dict.fromkeys((0x061C, 0x200E, 0x200F, 0x2028, 0x2029), _UNSEEN),
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), _UNSEEN),
    **dict.fromkeys(range(0xD800, 0xE000), _UNSEEN),
}
_VISIBLE_IN_LINES: Final = {code: visible for code, visible in _VISIBLE.items() if chr(code) != "\n"}
_UNESCAPED_IN_JSON: Final = re.compile(
    r"[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def one_line(text: str) -> str:
    """The text on one line, without characters that control a terminal; the number of characters stays the same."""
    return text.translate(_VISIBLE)


def lines(text: str) -> str:
    """The same for text that may have several lines."""
    return text.translate(_VISIBLE_IN_LINES)


def one_line_of(text: Text) -> Text:
    """The same for a styled text; its styles are kept."""
    harmless = text.copy()
    harmless.plain = one_line(text.plain)
    return harmless


def json_text(document: str) -> str:
    """The same JSON, with escapes for characters that JSON allows and that control a terminal."""
    return _UNESCAPED_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", document)
