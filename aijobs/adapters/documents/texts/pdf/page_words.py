"""The words of a PDF page with their boxes, by PDFium."""

import ctypes
import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pypdfium2.raw as pdfium

from aijobs.adapters.documents.texts.page_layout import LaidOut, Word, laid_out
from aijobs.adapters.documents.texts.pdf.page_space import Box, Page, PageSpace
from aijobs.adapters.documents.texts.pieces import paired
from aijobs.domain.documents.page_words import PAGE_PARTS

_SPACES: Final = frozenset({0, 9, 10, 13, 32, 0xA0, 0x3000})
_SOFT_HYPHEN: Final = 2  #: what PDFium makes of a hyphen at a line's end
_UNREADABLE: Final = 0.1  #: of the letters of a page: more without a meaning, and its text is nonsense
_FIRST_PRIVATE, _LAST_PRIVATE, _REPLACEMENT = 0xE000, 0xF8FF, 0xFFFD


class PageText:
    """The words of a page as it is shown: by their direction, a quarter turn each, those that stand upright first."""

    def __init__(self, page: Page) -> None:
        self._directions: dict[int, list[Word]] = {}
        self._letters = self._unreadable = 0
        text, space = page.get_textpage(), PageSpace(page)
        try:
            boxes = self._collect(text, space)
        finally:
            text.close()
        for word, box in boxes:
            word.text = paired(word.text)  # PDFium gives characters beyond the first plane in two halves
            word.on_page = space.parts(box, PAGE_PARTS)

    @property
    def upright(self) -> list[Word]:
        """In points from the shown page's upper left corner."""
        return self._directions.get(0, [])

    @property
    def count(self) -> int:
        return sum(map(len, self._directions.values()))

    @property
    def is_nonsense(self) -> bool:
        """Whether its fonts do not say what their signs mean."""
        return self._unreadable > _UNREADABLE * max(self._letters, 1)

    def laid_out(self) -> LaidOut:
        directions = [laid_out(words) for _, words in sorted(self._directions.items())]
        return joined_directions(directions)

    def sideways(self) -> Iterator[LaidOut]:
        """The text of every other direction than the upright one."""
        for direction, words in sorted(self._directions.items()):
            if direction:
                yield laid_out(words)

    def _collect(self, text: Any, space: PageSpace) -> list[tuple[Word, Box]]:
        """Each word with its box on the shown page."""
        boxes: list[tuple[Word, Box]] = []
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
            direction = (round(pdfium.FPDFText_GetCharAngle(text, index) / (math.pi / 2)) + space.turns) % 4
            box = space.shown(left.value, bottom.value, right.value, top.value)
            x0, y0, x1, y1 = _turned(direction, *box)
            if word is None or direction != last or x0 < word.x0 - 1 or y0 > word.y1 or y1 < word.y0:
                word, last = Word(letter, x0, y0, x1, y1), direction
                self._directions.setdefault(direction, []).append(word)
                boxes.append((word, box))
            else:
                word.text += letter
                boxes[-1] = (word, _around(boxes[-1][1], box))
                word.x1, word.y0, word.y1 = max(word.x1, x1), min(word.y0, y0), max(word.y1, y1)
        return boxes


def joined_directions(directions: Sequence[LaidOut]) -> LaidOut:
    """The upright text, and below it what is written in other directions."""
    text = "\n\n".join(one.text for one in directions)
    return LaidOut(text=text, words=[word for one in directions for word in one.words])


def _around(box: Box, other: Box) -> Box:
    return min(box[0], other[0]), min(box[1], other[1]), max(box[2], other[2]), max(box[3], other[3])


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
