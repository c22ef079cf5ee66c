"""From words with boxes to text in reading order: columns of prose stay apart, cells of a row are parted by tabs.

PDFs and recognised pictures give the same words, and so the same text. Lengths are in any unit, y from the top down.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Final

CELL_GAP: Final = 1.2  #: heights of a letter: more begins the next cell
SPACE_GAP: Final = 0.12  #: less is the same word: Chinese has no spaces
BLOCK_GAP: Final = 0.9
MAX_COLUMNS_OF_PROSE: Final = 4
MAX_DEPTH: Final = 20
PROSE_LETTERS: Final = 18  #: of a line of prose, at least; a Chinese letter counts twice
PROSE_LINES: Final = 3
SHARED_WIDTH: Final = 0.5  #: of the narrower of two blocks, to be parts of one table


@dataclass(slots=True)
class Word:
    """A word, or several that stand close together, and its box."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    on_page: tuple[int, int, int, int] | None = None  #: the box in PAGE_PARTS of the page as it is shown

    @property
    def height(self) -> float:
        return max(self.y1 - self.y0, 1e-3)


Line = list[Word]


@dataclass(frozen=True, kw_only=True)
class LaidOut:
    """A text; lines end with `\\n`, an empty line parts blocks. `words` are in the order in which they are read."""

    text: str
    words: list[Word]


def laid_out_text(words: Iterable[Word]) -> str:
    """The text alone."""
    return laid_out(words).text


def laid_out(words: Iterable[Word]) -> LaidOut:
    """The words in reading order, and the text that they make."""
    parts = list(_blocks(list(words)))
    ordered = [word for lines in parts for line in lines for word in line]
    cells = (_without_hyphens([cells_of(line) for line in lines]) for lines in parts)
    return LaidOut(text=_text_of(list(_joined_tables(cells))), words=ordered)


def _text_of(blocks: Sequence[list[Line]]) -> str:
    pieces = []
    for number, block in enumerate(blocks):
        if number:
            is_one_of_rows = len(block) == 1 and len(blocks[number - 1]) == 1
            pieces.append("\n" if is_one_of_rows else "\n\n")
        pieces.append("\n".join(_aligned(block)))
    return "".join(pieces)


def lines_of(words: Iterable[Word]) -> list[Line]:
    """A word belongs to a line when its middle lies within it."""
    found: list[tuple[Line, float, float]] = []
    for word in sorted(words, key=lambda one: one.y0 + one.y1):
        if found and found[-1][1] < (word.y0 + word.y1) / 2 < found[-1][2]:
            line, top, bottom = found[-1]
            line.append(word)
            count = len(line)
            found[-1] = (line, top + (word.y0 - top) / count, bottom + (word.y1 - bottom) / count)
        else:
            found.append(([word], word.y0, word.y1))
    return [sorted(line, key=lambda one: one.x0) for line, _, _ in found]


def cells_of(line: Line) -> Line:
    """The cells of a line: words with no more than a space between them, joined."""
    cells = [replace(line[0])]
    for word in line[1:]:
        cell = cells[-1]
        height, gap = max(cell.height, word.height), word.x0 - cell.x1
        if gap > CELL_GAP * height:
            cells.append(replace(word))
            continue
        cell.text += (" " if gap > SPACE_GAP * height else "") + word.text
        cell.x1, cell.y0, cell.y1 = max(cell.x1, word.x1), min(cell.y0, word.y0), max(cell.y1, word.y1)
    return cells


def _blocks(words: list[Word], depth: int = 0) -> Iterator[list[Line]]:
    """Blocks of lines of words."""
    if not words:
        return
    least = BLOCK_GAP * median(word.height for word in words)
    columns, rows = _parted(words, least, across=True), _parted(words, least, across=False)
    if depth < MAX_DEPTH and 2 <= len(columns) <= MAX_COLUMNS_OF_PROSE and all(map(_is_prose, columns)):
        for column in columns:
            yield from _blocks(column, depth + 1)
    elif depth < MAX_DEPTH and len(rows) > 1:
        for row in rows:
            yield from _blocks(row, depth + 1)
    else:
        yield lines_of(words)


def _parted(words: list[Word], least: float, *, across: bool) -> list[list[Word]]:
    """Groups with gaps of at least that much between them, from left to right or from the top down."""
    if across:
        spans = sorted(((word.x0, word.x1, word) for word in words), key=lambda one: one[0])
    else:
        spans = sorted(((word.y0, word.y1, word) for word in words), key=lambda one: one[0])
    groups, end = [[spans[0][2]]], spans[0][1]
    for start, stop, word in spans[1:]:
        if start - end > least:
            groups.append([word])
        else:
            groups[-1].append(word)
        end = max(end, stop)
    return groups


def _is_prose(words: list[Word]) -> bool:
    """Whether a column is one of text, not of a table."""
    lines = lines_of(words)
    return len(lines) >= PROSE_LINES and median(map(_letters, lines)) >= PROSE_LETTERS


def _letters(line: Line) -> int:
    return sum(len(word.text) * (2 if word.text > "\u2e80" else 1) for word in line)


def _without_hyphens(lines: list[Line]) -> list[Line]:
    """A word that goes on in the next line is put together there where it begins.

    The hyphen stays, as in `INV-2026-001`, except between small letters, as in `agree-ment`.
    """
    for line, following in pairwise(lines):
        for cell in line:
            if not _ends_with_hyphen(cell.text):
                continue
            below = next((one for one in following if one.x0 < cell.x1 and one.x1 > cell.x0), None)
            if below is None or not below.text[:1].isalnum():
                continue
            first, _, rest = below.text.partition(" ")
            is_syllable = cell.text[-2].islower() and first[0].islower()
            cell.text = (cell.text[:-1] if is_syllable else cell.text) + first
            below.text = rest
        following[:] = [cell for cell in following if cell.text]
    return [line for line in lines if line]


def _ends_with_hyphen(text: str) -> bool:
    return len(text) > 2 and text[-1] in "-\u2010\u00ad" and text[-2].isalnum() and text[-3].isalnum()


def _joined_tables(blocks: Iterable[list[Line]]) -> Iterator[list[Line]]:
    """Rows of a table that stand far from each other are one block again, so that their cells are aligned."""
    last: list[Line] = []
    for block in blocks:
        if last and len(last[-1]) > 1 and len(block[0]) > 1 and _goes_on(last, block):
            last += block
        else:
            if last:
                yield last
            last = block
    if last:
        yield last


def _goes_on(table: list[Line], block: list[Line]) -> bool:
    """A row with more cells than any before it begins a table of its own."""
    return max(map(len, block)) <= max(map(len, table)) and _shares_width(table[-1], block[0])


def _shares_width(line: Line, other: Line) -> bool:
    shared = min(line[-1].x1, other[-1].x1) - max(line[0].x0, other[0].x0)
    return shared > SHARED_WIDTH * min(line[-1].x1 - line[0].x0, other[-1].x1 - other[0].x0)


def _aligned(lines: Sequence[Line]) -> Iterator[str]:
    """The lines as text. In a table, a row that lacks cells has empty ones there: the fullest row is the measure."""
    fullest = max(lines, key=len)
    is_table = len(fullest) > 2 and sum(len(line) > 1 for line in lines) > 2
    for line in lines:
        texts = [cell.text for cell in line]
        if is_table and 1 < len(line) < len(fullest):
            texts = _in_columns(line, fullest) or texts
        yield "\t".join(texts)


def _in_columns(line: Line, columns: Line) -> list[str]:
    """The texts of the cells, each in the column that it overlaps most; nothing when two fall into one."""
    placed = [""] * len(columns)
    for cell in line:
        at = max(range(len(columns)), key=lambda index: _nearness(cell, columns[index]))
        if placed[at]:
            return []
        placed[at] = cell.text
    return placed


def _nearness(cell: Word, column: Word) -> tuple[float, float]:
    overlap = min(cell.x1, column.x1) - max(cell.x0, column.x0)
    return max(overlap, 0.0), -abs(cell.x0 + cell.x1 - column.x0 - column.x1)
