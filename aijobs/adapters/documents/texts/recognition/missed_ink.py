"""Ink outside of the lines that were recognised: the engine misses words that stand alone on a page, without a sign.

Lengths are in pixels of a picture at about 200 dots per inch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import numpy as np
from PIL import Image, ImageFilter

from aijobs.adapters.documents.texts.page_layout import Word

CELL: Final = 16
NEIGHBOURHOOD: Final = 25  #: whose mean brightness is the ground
DARKER: Final = 30  #: than its ground, of 255, is ink
PAPER: Final = 0.66  #: of the brightness of the page: a darker ground is the desk that it lies on
LEAST_INK: Final = 12  #: in a cell
RULE: Final = 60  #: an unbroken run of ink as long is a ruled line, no letter
MARGIN: Final = 48  #: around a region, which the engine needs as well
LEAST_CELLS: Final = 2
MOST_REGIONS: Final = 8  #: a photo has ink everywhere
MOST_SHARE: Final = 0.35  #: of the page, in all: more would be another reading of the page
FILLED: Final = 0.3  #: of a large region's cells: fewer are the edge of a page, or slanting rules
LARGE: Final = 40  #: cells


@dataclass(frozen=True)
class Region:
    """A part of a picture, with its margin."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        return (self.right - self.left) * (self.bottom - self.top)

    @property
    def box(self) -> tuple[int, int, int, int]:
        return self.left, self.top, self.right, self.bottom


def missed_regions(picture: Image.Image, words: Sequence[Word]) -> list[Region]:
    """Where there is ink outside of all words, each region with the words that it touches; the smallest ones first."""
    found = sorted(_regions(_inked_cells(picture, words), picture.size, words), key=lambda one: one.area)
    shares = accumulate(region.area / (picture.width * picture.height) for region in found)
    return [region for region, share in zip(found, shares, strict=True) if share < MOST_SHARE][:MOST_REGIONS]


def _inked_cells(picture: Image.Image, words: Sequence[Word]) -> Any:
    """Which cells of a grid over the picture hold ink that no word covers."""
    grey = picture.convert("L")
    ground = np.asarray(grey.filter(ImageFilter.BoxBlur(NEIGHBOURHOOD)), dtype=np.int16)
    ink = (ground - np.asarray(grey, dtype=np.int16) > DARKER) & (ground > PAPER * _brightness_of_paper(ground, words))
    for word in words:
        edge = 0.25 * word.height
        rows, columns = (
            slice(_at_least_0(word.y0 - edge), _at_least_0(word.y1 + edge)),
            slice(_at_least_0(word.x0 - edge), _at_least_0(word.x1 + edge)),
        )
        ink[rows, columns] = False
    ink &= ~_ruled(ink) & ~_ruled(ink.T).T
    height, width = (size // CELL * CELL for size in ink.shape)
    counts = ink[:height, :width].reshape(height // CELL, CELL, width // CELL, CELL).sum(axis=(1, 3))
    return counts >= LEAST_INK


def _brightness_of_paper(ground: Any, words: Sequence[Word]) -> float:
    """Around the words; of a picture without words, its brightest part."""
    middles = [(round((word.y0 + word.y1) / 2), round((word.x0 + word.x1) / 2)) for word in words]
    seen = [int(ground[y, x]) for y, x in middles if 0 <= y < ground.shape[0] and 0 <= x < ground.shape[1]]
    return float(np.median(seen)) if seen else float(np.percentile(ground, 95))


def _ruled(ink: Any) -> Any:
    """The pixels of long runs along the second axis."""
    sums = np.cumsum(np.pad(ink, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
    ruled = np.zeros_like(ink)
    if ink.shape[1] <= RULE:
        return ruled
    whole = sums[:, RULE:] - sums[:, :-RULE] >= RULE - 2
    for shift in range(0, RULE, 4):
        ruled[:, shift : shift + whole.shape[1]] |= whole
    return ruled


def _regions(cells: Any, size: tuple[int, int], words: Sequence[Word]) -> Iterator[Region]:
    """Groups of neighbouring cells, two cells apart at most."""
    left_over = {(int(row), int(column)) for row, column in np.argwhere(cells)}
    while left_over:
        group, edge = set(), [left_over.pop()]
        while edge:
            row, column = edge.pop()
            group.add((row, column))
            near = {(row + down, column + across) for down in (-1, 0, 1) for across in range(-3, 4)} & left_over
            left_over -= near
            edge += near
        rows, columns = [row for row, _ in group], [column for _, column in group]
        cells_within = (max(rows) - min(rows) + 1) * (max(columns) - min(columns) + 1)
        if len(group) >= LEAST_CELLS and (cells_within < LARGE or len(group) > FILLED * cells_within):
            yield _with_margin(
                (min(columns) * CELL, min(rows) * CELL, (max(columns) + 1) * CELL, (max(rows) + 1) * CELL), size, words
            )


def _with_margin(box: tuple[int, int, int, int], size: tuple[int, int], words: Sequence[Word]) -> Region:
    """Words that stand beside the region belong to the same lines, and are read again with it."""
    left, top, right, bottom = map(float, box)
    for word in words:
        if word.x0 < right + 2 * CELL and word.x1 > left - 2 * CELL and word.y0 < bottom and word.y1 > top:
            left, right = min(left, word.x0), max(right, word.x1)
            top, bottom = min(top, word.y0), max(bottom, word.y1)
    return Region(
        _at_least_0(left - MARGIN),
        _at_least_0(top - MARGIN),
        min(size[0], round(right + MARGIN)),
        min(size[1], round(bottom + MARGIN)),
    )


def _at_least_0(value: float) -> int:
    return max(0, round(value))
