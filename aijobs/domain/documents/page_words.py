"""The words of a document's pages, and where each stands on its page."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

PAGE_PARTS: Final = 10_000
"""Of a page's width and of its height, in which the boxes of words are given."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, as shares of the page's width and height, from its upper left corner."""

PlacedWord = tuple[str, int, int, int, int]
"""A word, and its box in PAGE_PARTS. The page is upright as it is shown, also when its text is not."""


@dataclass(frozen=True, kw_only=True)
class PageWords:
    """The words of a page in the order in which they are read; `number` counts from 1. A page may have none."""

    number: int
    words: tuple[PlacedWord, ...] = ()


def union(boxes: Iterable[Box]) -> Box | None:
    """The least box around all of them, within the page; None without any."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True) if (boxes := [*boxes]) else ((), (), (), ())
    if not lefts:
        return None
    return max(0.0, min(lefts)), max(0.0, min(tops)), min(1.0, max(rights)), min(1.0, max(bottoms))
