"""English sentences of ours in another language, by the sentence itself: as they are said, stored or sent.

A key may have gaps: `There is no job {code}.` Whatever fills one is kept, and is translated too where it is a sentence
that is known.
"""

import re
import string
from collections.abc import Mapping
from typing import Final

MAX_LENGTH: Final = 4_000
"""Characters of a text that is looked up; ours are shorter."""

MAX_DEPTH: Final = 3
"""Sentences within a gap of a sentence."""

_BETWEEN: Final = re.compile(r"(?<=[.!?。]) (?=\S)|\n")
"""Where a text of several sentences may be divided."""


class Sentences:
    """Those of one language, by the English ones."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._whole = {english: text for english, text in known.items() if not gaps_of(english)}
        with_gaps = {english: text for english, text in known.items() if english not in self._whole}
        by_length = sorted(with_gaps, key=lambda english: len(without_gaps(english)), reverse=True)
        self._patterns = [(_pattern(english), with_gaps[english]) for english in by_length]

    def translated(self, text: str) -> str | None:
        """One sentence, or several of which each is known; None otherwise."""
        return self._translated(text, MAX_DEPTH) if len(text) <= MAX_LENGTH else None

    def _translated(self, text: str, depth: int) -> str | None:
        stripped = text.strip()
        return self._one(stripped, depth) or self._several(stripped, depth)

    def _one(self, text: str, depth: int) -> str | None:
        if whole := self._whole.get(text):
            return whole
        if depth == 0:
            return None
        for pattern, template in self._patterns:
            if found := pattern.fullmatch(text):
                filled = {
                    name: self._translated(value, depth - 1) or value for name, value in found.groupdict().items()
                }
                return template.format(**filled)
        return None

    def _several(self, text: str, depth: int) -> str | None:
        """Divided at the first place after which everything is known."""
        for place in _BETWEEN.finditer(text):
            if first := self._one(text[: place.start()], depth):
                rest = self._translated(text[place.end() :], depth)
                return f"{first}{rest}" if rest else None
        return None


def gaps_of(english: str) -> list[str]:
    """The names of its gaps, in order."""
    return [name for _, name, _, _ in string.Formatter().parse(english) if name]


def without_gaps(english: str) -> str:
    """Its words alone."""
    return "".join(literal for literal, _, _, _ in string.Formatter().parse(english))


def _pattern(english: str) -> re.Pattern[str]:
    """What the sentence looks like once its gaps are filled."""
    parts = (
        re.escape(literal) + (f"(?P<{name}>.+?)" if name else "")
        for literal, name, _, _ in string.Formatter().parse(english)
    )
    return re.compile("".join(parts), re.DOTALL)
