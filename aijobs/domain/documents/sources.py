"""Where each value of a table comes from, and what a person should look at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from aijobs.domain.documents.column_rules import ColumnRule
from aijobs.domain.documents.page_words import Box


class Mark(StrEnum):
    """Why a value should be looked at, or that a person has changed it."""

    MENDED = "mended"  #: the answer said it in a form that was read by a rule
    NO_SOURCE = "no_source"  #: the answer quotes nothing for it
    NOT_IN_SOURCE = "not_in_source"  #: the document does not hold the quotation, or the quotation not the value
    OUT_OF_RULE = "out_of_rule"  #: it breaks a rule of its column
    CHANGED = "changed"  #: by a person


class CellSource(BaseModel):
    """What is known of one value besides itself.

    `quote` is a passage of the document, on `page` (from 1), where `box` is its place; null for what is not known.
    `rules` are those that the value breaks; `written` is what the answer said, where the value was mended.
    `confirmed`: a person has looked at the marks, and the value is right.
    """

    model_config = ConfigDict(frozen=True)

    quote: str | None = None
    page: int | None = None
    box: Box | None = None
    marks: tuple[Mark, ...] = ()
    rules: tuple[ColumnRule, ...] = ()
    written: str | None = None
    confirmed: bool = False

    @property
    def is_doubtful(self) -> bool:
        """Whether a person should look at the value, and has not."""
        return bool(self.marks) and Mark.CHANGED not in self.marks and not self.confirmed


RowSources = Mapping[str, CellSource]
"""By column. A column that is not there has an empty cell of which nothing is known."""


class ReviewPolicy(StrEnum):
    """Which documents of a template a person should look at."""

    NEVER = "never"
    MARKED = "marked"  #: those with a value that is marked
    ALWAYS = "always"

    def asks_for(self, sources: Iterable[RowSources]) -> bool:
        """Whether a document whose values come from there needs a review."""
        if self is ReviewPolicy.MARKED:
            return any(source.is_doubtful for cells in sources for source in cells.values())
        return self is ReviewPolicy.ALWAYS


@dataclass(frozen=True, kw_only=True)
class Quotation:
    """A passage that was found in a document."""

    page: int | None
    box: Box | None


def stored_sources(sources: RowSources) -> dict[str, Any]:
    """As JSON, without what is not known."""
    return {column: source.model_dump(mode="json", exclude_defaults=True) for column, source in sources.items()}


def sources_of(stored: Mapping[str, Any] | None) -> dict[str, CellSource]:
    """Of what `stored_sources` gave; nothing for a row without."""
    return {column: CellSource.model_validate(source) for column, source in (stored or {}).items()}
