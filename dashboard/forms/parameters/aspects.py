"""Which choices are the proportions of a picture, so that they can be drawn."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

LONGEST: Final = 20  #: units of a drawing, whose frame has 24

#: Words beside proportions, which are no proportions themselves.
OPEN_WORDS: Final = frozenset(
    {"auto", "adaptive", "default", "custom", "keep_ratio", "match_input_image", "original", "any"}
)

#: Offered where any proportion may be written.
USUAL: Final = ("1:1", "4:3", "3:2", "16:9", "3:4", "2:3", "9:16")

_NUMBERS: Final = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)\s*[:x×*_/]\s*(\d{1,5}(?:\.\d{1,3})?)")
_NAMED: Final = re.compile(r"(square|portrait|landscape)(?:_hd|_(\d{1,2})[_:](\d{1,2}))?")


@dataclass(frozen=True)
class Proportion:
    """Width to height."""

    width: float
    height: float

    @classmethod
    def of(cls, choice: str) -> Self | None:
        """Of `16:9`, `1024x1536` or `portrait_4_3`; None for any other word."""
        if numbers := _NUMBERS.fullmatch(choice.strip()):
            return cls._of_sides(float(numbers[1]), float(numbers[2]))
        if (named := _NAMED.fullmatch(choice.strip().lower())) is None:
            return None
        if named[1] == "square":
            return cls(1, 1)
        long, short = sorted((float(named[2] or 4), float(named[3] or 3)), reverse=True)
        return cls._of_sides(*((long, short) if named[1] == "landscape" else (short, long)))

    @classmethod
    def _of_sides(cls, width: float, height: float) -> Self | None:
        return cls(width, height) if width > 0 and height > 0 else None

    @property
    def drawn(self) -> tuple[float, float]:
        """Width and height of its drawing; what is very long stays a line that can be seen."""
        scale = LONGEST / max(self.width, self.height)
        return round(max(self.width * scale, 3), 1), round(max(self.height * scale, 3), 1)


def are_aspects(choices: Sequence[str]) -> bool:
    """Whether two or more are proportions, and the rest are words beside them."""
    aspects = [choice for choice in choices if Proportion.of(choice)]
    return len(aspects) >= 2 and all(Proportion.of(choice) or choice.lower() in OPEN_WORDS for choice in choices)


def takes_any_aspect(name: str, pattern: str) -> bool:
    """Whether a text is a proportion by its name and by what it must look like."""
    if "aspect" not in name and "ratio" not in name:
        return False
    try:
        return all(re.search(pattern, usual) for usual in USUAL) and not re.search(pattern, "large")
    except re.error:
        return False
