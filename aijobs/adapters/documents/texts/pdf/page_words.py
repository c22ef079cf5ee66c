"""The words of a PDF page with their boxes, by PDFium."""

import ctypes
import math
from collections.abc import Iterator
from typing import Any, Final

import pypdfium2.raw as pdfium

from aijobs.adapters.documents.texts.page_layout import Word, laid_out_text

Page = Any  #: pypdfium2 has no types

_SPACES: Final = frozenset({0, 9, 10, 13, 32, 0xA0, 0x3000})
_SOFT_HYPHEN: Final = 2  #: what PDFium makes of a hyphen at a line's end
_UNREADABLE: Final = 0.1  #: of the letters of a page: more without a meaning, and its text is nonsense
_FIRST_PRIVATE, _LAST_PRIVATE, _REPLACEMENT = 0xE000, 0xF8FF, 0xFFFD


class PageText:
    """The words of a page: by their direction, a quarter turn each, those that stand upright first."""

    def __init__(self, page: Page) -> None:
        self._directions: dict[int, list[Word]] = {}
        self._letters = self._unreadable = 0
        text = page.get_textpage()
        try:
            self._collect(text, page.get_height())
        finally:
            text.close()

    @property
    def upright(self) -> list[Word]:
        """In points from the page's upper left corner."""
        return self._directions.get(0, [])

    @property
    def count(self) -> int:
        return sum(map(len, self._directions.values()))

    @property
    def is_nonsense(self) -> bool:
        """Whether its fonts do not say what their signs mean."""
        return self._unreadable > _UNREADABLE * max(self._letters, 1)

    def text(self) -> str:
        return "\n\n".join(laid_out_text(words) for _, words in sorted(self._directions.items()))

    def sideways(self) -> Iterator[str]:
        """The text of every other direction than the upright one."""
        for direction, words in sorted(self._directions.items()):
            if direction:
                yield laid_out_text(words)

    def _collect(self, text: Any, height: float) -> None:
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        word, last = None, 0
        for index in range(text.count_chars()):
            code = pdfium.FPDFText_GetUnicode(text, index)
            if code in _SPACES:
                word = None
                continue
            if not pdfium.FPDFText_GetCharBox(text, index, left, right, bottom, top):
                continue
            self._letters += 1
            self._unreadable += code == _REPLACEMENT or _FIRST_PRIVATE <= code <= _LAST_PRIVATE
            letter = "-" if code == _SOFT_HYPHEN else chr(code) if code < 0x110000 else "\ufffd"
            direction = round(pdfium.FPDFText_GetCharAngle(text, index) / (math.pi / 2)) % 4
            x0, y0, x1, y1 = _turned(direction, left.value, height - top.value, right.value, height - bottom.value)
            if word is None or direction != last or x0 < word.x0 - 1 or y0 > word.y1 or y1 < word.y0:
                word, last = Word(letter, x0, y0, x1, y1), direction
                self._directions.setdefault(direction, []).append(word)
            else:
                word.text += letter
                word.x1, word.y0, word.y1 = max(word.x1, x1), min(word.y0, y0), max(word.y1, y1)


def _turned(direction: int, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
    """The box as if its text were upright. `direction` counts quarter turns to the right."""
    match direction:
        case 1:
            return y0, -x1, y1, -x0
        case 2:
            return -x1, -y1, -x0, -y0
        case 3:
            return -y1, x0, -y0, x1
    return x0, y0, x1, y1
