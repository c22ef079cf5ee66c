"""English sentences of ours in another language, by the sentence itself: as they are said, stored or sent.

A key may have gaps: `There is no job {code}.` Whatever fills one is kept, and is translated too where it is a sentence
that is known.
"""

import re
import string
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Final

MAX_LENGTH: Final = 1_000
"""Characters of a text that is looked up; ours are shorter."""

MAX_DEPTH: Final = 3
"""Sentences within a gap of a sentence."""

MAX_SENTENCES: Final = 6
"""Of one text, that are looked up one by one."""

_BETWEEN: Final = re.compile(r"(?<=[.!?。]) (?=\S)|\n")
"""Where a text of several sentences may be divided."""


class Sentences:
    """Those of one language, by the English ones."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self._whole = {english: text for english, text in known.items() if not gaps_of(english)}

    @cached_property
    def _patterns(self) -> Sequence[tuple[re.Pattern[str], str]]:
        """Those with gaps, the ones with most words of their own first."""
        with_gaps = [english for english in self._known if english not in self._whole]
        by_length = sorted(with_gaps, key=lambda english: len(without_gaps(english)), reverse=True)
        return [(_pattern(english), self._known[english]) for english in by_length]

    def translated(self, text: str) -> str | None:
        """One sentence, or several of which each is known; None otherwise."""
        return self._translated(text.strip(), MAX_DEPTH) if len(text) <= MAX_LENGTH else None

    def _translated(self, text: str, depth: int) -> str | None:
        if whole := self._whole.get(text):
            return whole
        return (self._several(text, depth) or self._filled(text, depth)) if depth else None

    def _filled(self, text: str, depth: int) -> str | None:
        for pattern, template in self._patterns:
            if found := pattern.fullmatch(text):
                gaps = found.groupdict()
                return template.format(**{name: self._gap(gap, depth - 1) for name, gap in gaps.items()})
        return None

    def _gap(self, text: str, depth: int) -> str:
        """What is written in capitals is a name, as of a status."""
        return text if text.isupper() else self._translated(text, depth) or text

    def _several(self, text: str, depth: int) -> str | None:
        """Divided into two, each of which is known."""
        for place in islice(_BETWEEN.finditer(text), MAX_SENTENCES):
            first = text[: place.start()]
            if known := self._whole.get(first) or self._filled(first, depth):
                rest = self._translated(text[place.end() :], depth)
                return f"{known}{rest}" if rest else None
        return None


def gaps_of(english: str) -> list[str]:
    """The names of its gaps, in order."""
    return [name for _, name, _, _ in string.Formatter().parse(english) if name]


def without_gaps(english: str) -> str:
    """Its words alone."""
    return "".join(literal for literal, _, _, _ in string.Formatter().parse(english))


def _pattern(english: str) -> re.Pattern[str]:
    """What the sentence looks like once its gaps are filled. Each gap but the last ends where the words behind it come
    first: if any division fits, this one does. The groups are atomic, so that no text is tried in many divisions.
    """
    literals, gaps = [""], list[str]()
    for literal, name, _, _ in string.Formatter().parse(english):
        literals[-1] += re.escape(literal)
        if name:
            gaps.append(f"(?P<{name}>.+?)")
            literals.append("")
    first, *behind = literals
    *inner, last = [gap + literal for gap, literal in zip(gaps, behind, strict=True)]
    return re.compile("".join([first, *(f"(?>{one})" for one in inner), last]), re.DOTALL)
