"""Splits a long document into parts that overlap, at pages where there are any, else at paragraphs, else at lines."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from aijobs.domain.documents.costs import estimated_tokens

HEAD_SHARE: Final = 0.1  #: of a part, for the document's beginning
OVERLAP_SHARE: Final = 0.1  #: of a part, for the end of the part before it
LOOK_BACK: Final = 0.3  #: of a part, in which the best place to cut is looked for
FILLED: Final = 0.75  #: of a part, on the average, with lines that no other part has
MAX_LINE_SHARE: Final = 0.05  #: of a part; a longer line is cut

ELSEWHERE: Final = "[What stands between here and the next line is in other parts.]"

_PAGE: Final = re.compile(r"\[page \d+\]\s*")
_TABLE_LINE: Final = re.compile(r"[^\t]*\t|\s*\|.+\|\s*$")
_RULE: Final = re.compile(r"[\s:|-]+")


@dataclass(frozen=True, kw_only=True)
class DocumentPart:
    """A part of a document. It begins with lines for reference, `above`, and `repeated` ones of the part before it."""

    text: str
    above: int = 0
    repeated: int = 0

    @property
    def overlap(self) -> str:
        return "\n".join(self.text.split("\n")[self.above : self.above + self.repeated])


@dataclass(frozen=True)
class _Lines:
    """A document's lines; `sums[i]` tokens stand before line i."""

    lines: Sequence[str]
    sums: Sequence[int]

    def tokens(self, start: int, end: int) -> int:
        return self.sums[end] - self.sums[start]

    def rank(self, at: int) -> int:
        """How good a place to cut the one before this line is."""
        if _PAGE.fullmatch(self.lines[at]):
            return 2
        return 0 if self.lines[at - 1].strip() else 1


def parts_of(text: str, room: int) -> list[DocumentPart]:
    """The document in parts of at most `room` tokens, each with the document's beginning.

    A part repeats the end of the one before it. One that begins within a table has the table's first line above it.
    """
    if estimated_tokens(text) <= room:
        return [DocumentPart(text=text)]
    lines = [piece for line in text.split("\n") for piece in _pieces(line, int(room * MAX_LINE_SHARE))]
    whole = _Lines(lines, [*accumulate((estimated_tokens(line) + 1 for line in lines), initial=0)])
    head = _head(whole, int(room * HEAD_SHARE))
    parts, start, fresh = list[DocumentPart](), 0, 0
    while fresh < len(lines):
        above = [*lines[:head], ELSEWHERE, *_heading(whole, start, head)] if start > head else []
        end = _end(whole, start, fresh, room - sum(estimated_tokens(line) + 1 for line in above))
        parts.append(
            DocumentPart(text="\n".join([*above, *lines[start:end]]), above=len(above), repeated=fresh - start)
        )
        start, fresh = _start(whole, start, end, int(room * OVERLAP_SHARE)), end
    return parts


def count_of(tokens: int, room: int) -> int:
    """About how many parts a document of so many tokens has."""
    return 1 if tokens <= room else -int(-tokens // (room * FILLED))


def _pieces(line: str, most: int) -> Iterator[str]:
    """A line, or pieces of one that is too long, cut behind spaces where there are any."""
    while estimated_tokens(line) > most:
        length = max(1, most)  # no character counts more than one token
        space = line.rfind(" ", length // 2, length)
        cut = space + 1 if space > 0 else length
        yield line[:cut]
        line = line[cut:]
    yield line


def _head(whole: _Lines, most: int) -> int:
    """How many of the first lines every part has: those above the first table, of the first page."""
    for at, line in enumerate(whole.lines):
        is_next_page = _PAGE.fullmatch(line) and at > 0 and whole.sums[at] > 10
        if whole.tokens(0, at + 1) > most or _TABLE_LINE.match(line) or is_next_page:
            return at
    return 0


def _heading(whole: _Lines, start: int, head: int) -> list[str]:
    """The first line of the table that goes on at `start`, with its rule where it has one."""
    first = start
    while first > head and _TABLE_LINE.match(whole.lines[first]) and _TABLE_LINE.match(whole.lines[first - 1]):
        first -= 1
    if first == start:
        return []
    rule = [line for line in whole.lines[first + 1 : min(first + 2, start)] if _RULE.fullmatch(line)]
    return [whole.lines[first], *rule]


def _end(whole: _Lines, start: int, fresh: int, room: int) -> int:
    """Where the part from `start` ends, behind `fresh`: at the best place among the last that fit."""
    last = fresh + 1
    while last < len(whole.lines) and whole.tokens(start, last + 1) <= room:
        last += 1
    if last == len(whole.lines):
        return last
    earliest = last
    while earliest - 1 > fresh and whole.tokens(start, earliest - 1) >= room * (1 - LOOK_BACK):
        earliest -= 1
    return max(range(earliest, last + 1), key=lambda at: (whole.rank(at), at))


def _start(whole: _Lines, start: int, end: int, most: int) -> int:
    """Where the part behind `end` begins: a page, a paragraph or lines before it. One line at least is repeated."""
    earliest = end - 1
    while earliest - 1 > start and whole.tokens(earliest - 1, end) <= most:
        earliest -= 1
    while earliest > start + 1 and not "".join(whole.lines[earliest:end]).strip():
        earliest -= 1
    return min(range(earliest, end), key=lambda at: (-whole.rank(at), at)) if earliest > 0 else 0
