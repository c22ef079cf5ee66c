"""Signs of symbol fonts, which have no meaning outside of them: the same place is a box in one and a letter in another.

Files write a place as such or with 0xF000 added, in the private use area.
"""

from collections.abc import Mapping
from typing import Final

_PRIVATE: Final = 0xF000
_FIRST_PRIVATE: Final = 0xE000

_WINGDINGS: Final = {
    **dict.fromkeys((0x6F, 0x71, 0x72, 0xA8), "☐"),
    0xFE: "☑",
    0xFD: "☒",
    0xFC: "✓",
    0xFB: "✗",
    0x6C: "●",
    0x6E: "■",
    0x75: "◆",
    0xA7: "▪",
    0xD8: "➢",
    0xDF: "←",
    0xE0: "→",
}
_WINGDINGS_2: Final = {0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0x54: "☒", 0xA3: "☐"}
_SYMBOL: Final = {
    **dict(zip(range(ord("A"), ord("Z") + 1), "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ", strict=True)),
    **dict(zip(range(ord("a"), ord("z") + 1), "αβχδεφγηιϕκλµνοπθρστυϖωξψζ", strict=True)),
    0xA3: "≤",
    0xA5: "∞",
    0xAE: "→",
    0xB0: "°",
    0xB1: "±",
    0xB3: "≥",
    0xB4: "×",
    0xB7: "•",
    0xB9: "≠",
    0xBB: "≈",
}
_FONTS: Final[Mapping[str, Mapping[int, str]]] = {
    "wingdings": _WINGDINGS,
    "wingdings 2": _WINGDINGS_2,
    "symbol": _SYMBOL,
}
_ANY: Final = _SYMBOL | _WINGDINGS_2 | _WINGDINGS


def sign_at(code: int, font: str) -> str:
    """The sign at a place of a font, `[symbol F021]` for one that is not known here. Other fonts have letters."""
    signs = _FONTS.get(font.lower())
    place = code - _PRIVATE if code >= _PRIVATE else code
    if signs is None and code < _FIRST_PRIVATE:
        return chr(code)
    return (_ANY if signs is None else signs).get(place) or f"[symbol {max(code, _PRIVATE + place):X}]"


def with_signs(text: str, font: str | None) -> str:
    """A text with its letters of the private use area as signs, where they are known."""
    if text.isascii():
        return text
    signs = _FONTS.get((font or "").lower(), _ANY)
    return "".join(signs.get(ord(char) - _PRIVATE, char) for char in text)
