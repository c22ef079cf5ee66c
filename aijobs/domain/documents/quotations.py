"""Finds quotations in a document, and tells whether a value stands in its quotation.

Compared is what people read: full-width forms are as narrow ones, case, white space, line ends, the tabs between cells
and hyphens within words do not count.
"""

import bisect
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Final

from aijobs.domain.documents.column_values import CellValue
from aijobs.domain.documents.page_words import PAGE_PARTS, Box, PageWords, PlacedWord, union
from aijobs.domain.documents.sources import Quotation

MAX_PLACES: Final = 50  #: of one quotation, that are told apart
MAX_GAP: Final = 4000  #: characters that an ellipsis may leave out
MAX_READ_DIGITS: Final = 30  #: of a number that may be written otherwise; a longer one is compared as it is written
MAX_BLANKS: Final = 8  #: between a number and its unit

_PAGE: Final = re.compile(r"^\[page (\d{1,6})\]$", re.MULTILINE)
_ELLIPSIS: Final = re.compile(r"\[?(?:\.{3,}|…+|⋯+)\]?")
_HYPHEN: Final = re.compile(r"(?<=\w)[-\u00ad\u2010-\u2015]+|\u00ad")
_DASH: Final = re.compile(r"[\u2010-\u2015\u2212]")
_IGNORED: Final = re.compile(r"[\s|\u200b-\u200f\u2060\ufeff]+")
_SIGNS: Final = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "。": ".", "、": ",", "〜": "~"})


def folded(text: str) -> str:
    """What counts when texts are compared."""
    plain = unicodedata.normalize("NFKC", text).translate(_SIGNS)
    return _IGNORED.sub("", _DASH.sub("-", _HYPHEN.sub("", plain))).casefold()


@dataclass(frozen=True)
class _PageText:
    """A page's words, folded and put together; `starts` is where each begins."""

    words: Sequence[PlacedWord]
    text: str
    starts: Sequence[int]

    @classmethod
    def of(cls, words: Sequence[PlacedWord]) -> "_PageText":
        starts, texts, length = list[int](), list[str](), 0
        for word, *_ in words:
            starts.append(length)
            texts.append(folded(word))
            length += len(texts[-1])
        return cls(words, "".join(texts), starts)

    def box(self, text: str, number: int) -> Box | None:
        """Around the `number`-th place of a folded text, counted from 0; around the first, where there are less."""
        found = list(_places(self.text, text))
        if not found:
            return None
        start = found[number] if number < len(found) else found[0]
        return union(self._parts(start, start + len(text)))

    def _parts(self, start: int, end: int) -> Iterator[Box]:
        """The boxes of the words between, cut where the passage begins and ends within a word."""
        first = max(0, bisect.bisect_right(self.starts, start) - 1)
        for index in range(first, bisect.bisect_left(self.starts, end)):
            length = (self.starts[index + 1] if index + 1 < len(self.starts) else len(self.text)) - self.starts[index]
            if not length:
                continue
            _, x0, y0, x1, y1 = self.words[index]
            left = max(0, start - self.starts[index]) / length
            right = min(length, end - self.starts[index]) / length
            if x1 - x0 >= y1 - y0:
                x0, x1 = round(x0 + left * (x1 - x0)), round(x0 + right * (x1 - x0))
            yield x0 / PAGE_PARTS, y0 / PAGE_PARTS, x1 / PAGE_PARTS, y1 / PAGE_PARTS


class QuotedDocument:
    """A document in which quotations are looked for. Takes time with the document's length: not for an event loop."""

    def __init__(self, text: str, pages: Sequence[PageWords] = ()) -> None:
        numbers, parts, last = [pages[0].number if len(pages) == 1 else None], list[str](), 0
        for mark in _PAGE.finditer(text) if len(pages) > 1 else ():
            parts.append(folded(text[last : mark.start()]))
            numbers.append(int(mark[1]))
            last = mark.end()
        parts.append(folded(text[last:]))
        self._numbers = numbers
        self._starts = [0, *itertools.accumulate(map(len, parts[:-1]))]
        self._text = "".join(parts)
        self._words = {page.number: page.words for page in pages}
        self._pages = dict[int, _PageText]()

    def places(self, quote: str) -> list[int]:
        """Where the quotation begins, at most MAX_PLACES times; with an ellipsis, where its parts come in order."""
        parts = [part for raw in _ELLIPSIS.split(quote) if (part := folded(raw))]
        if not parts:
            return []
        return [start for start in _places(self._text, parts[0]) if self._goes_on(start + len(parts[0]), parts[1:])]

    def quotation(self, quote: str, place: int) -> Quotation:
        """The page and the box of a quotation's first part, which begins at `place`."""
        at = bisect.bisect_right(self._starts, place) - 1
        number = self._numbers[at]
        if number is None or number not in self._words:
            return Quotation(page=number, box=None)
        text = next(part for raw in _ELLIPSIS.split(quote) if (part := folded(raw)))
        before = sum(1 for other in _places(self._text, text) if self._starts[at] <= other < place)
        if number not in self._pages:
            self._pages[number] = _PageText.of(self._words[number])
        return Quotation(page=number, box=self._pages[number].box(text, before))

    def _goes_on(self, position: int, parts: Sequence[str]) -> bool:
        for part in parts:
            found = self._text.find(part, position, position + MAX_GAP + len(part))
            if found < 0:
                return False
            position = found + len(part)
        return True


def _places(text: str, part: str) -> Iterator[int]:
    position = text.find(part)
    for _ in range(MAX_PLACES):
        if position < 0:
            return
        yield position
        position = text.find(part, position + 1)


def nearest(places: Sequence[int], anchor: int | None) -> int:
    """Of several places of one quotation: the nearest to the row's other ones, or the first."""
    return places[0] if anchor is None else min(places, key=lambda place: abs(place - anchor))


def anchor_of(places_of_row: Sequence[Sequence[int]]) -> int | None:
    """The middle of those that have one place only; None without any."""
    unique = [places[0] for places in places_of_row if len(places) == 1]
    return median_low(unique) if unique else None


_NUMBERS: Final = (
    re.compile(r"\d+(?:[.,']\d+)*"),
    re.compile(r"\d{1,3}(?:[\u00a0\u202f ]\d{3})+(?:[.,]\d+)?"),
)
_GROUPED: Final = re.compile(r"(?:\d+|\d{1,3}(?:,\d{2,3})*,\d{3})(?:\.\d+)?")
_SWAPPED: Final = str.maketrans(",.", ".,")
_DIGITS: Final = re.compile(r"\d+")
_SCALE: Final = {"%": 0.01, "‰": 0.001, "千": 1e3, "万": 1e4, "萬": 1e4, "亿": 1e8, "億": 1e8, "k": 1e3, "m": 1e6}
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOSE: Final = 1e-9


def stands_in(value: CellValue, quote: str) -> bool:
    """Whether the digits of a value are in its quotation; true also where neither has digits that could be compared.

    `1.250,50` says 1250.5, `3 March 2026` says 2026-03-03, `1.2万` says 12000.
    """
    plain = unicodedata.normalize("NFKC", quote)
    if isinstance(value, bool) or value is None or not _DIGITS.search(plain):
        return True
    if isinstance(value, int | float):
        return any(abs(abs(value) - number) <= _CLOSE * max(1.0, abs(value)) for number in _numbers(plain))
    written = unicodedata.normalize("NFKC", value)
    if folded(written) in folded(plain):
        return True
    said = {int(digits) for digits in _DIGITS.findall(plain) if len(digits) <= MAX_READ_DIGITS}
    said |= {number % 100 for number in said if 1900 <= number < 2100}  # years, as 26 for 2026
    said |= {2000 + number for number in said if number < 100} if len(said) > 2 else set()
    said |= {number for number, month in enumerate(_MONTHS, 1) if month in plain.casefold()}
    joined = "".join(_DIGITS.findall(plain))
    return all(
        digits in joined or (len(digits) <= MAX_READ_DIGITS and int(digits) in said)
        for digits in _DIGITS.findall(written)
    )


def _numbers(text: str) -> Iterator[float]:
    """Every reading of every number: with points or commas between thousands, or before decimals."""
    for pattern in _NUMBERS:
        for found in pattern.finditer(text):
            behind = text[found.end() : found.end() + MAX_BLANKS + 1].lstrip()
            scale = _SCALE.get(behind[:1].casefold(), 1.0)
            for reading in _readings(found[0]):
                yield from (reading, reading * scale)


def _readings(written: str) -> Iterator[float]:
    bare = re.sub(r"['\s]", "", written)
    for reading in (bare, bare.translate(_SWAPPED)):
        if _GROUPED.fullmatch(reading):
            yield float(reading.replace(",", ""))
