"""The numbers that Word computes for clauses and headings (ECMA-376, part 1, 17.9): they stand in no text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from aijobs.adapters.documents.archives.office_package import Element, attribute, child, is_on, local
from aijobs.adapters.documents.texts.office.numerals import written_number

LEVELS: Final = 9
MAX_STYLE_DEPTH: Final = 20
BULLET: Final = "•"

_PLACE: Final = re.compile(r"%([1-9])")


@dataclass(frozen=True, kw_only=True)
class Level:
    """One level of a list. `restart`: the level, from 1, whose next number begins this one again; 0 for none."""

    start: int = 1
    number_format: str = "decimal"
    text: str = ""
    legal: bool = False
    restart: int
    style: str | None = None


@dataclass(frozen=True, kw_only=True)
class NumberedList:
    """A `w:num`: the abstract list whose numbers it continues, its levels, and where it begins anew."""

    abstract: str
    levels: Mapping[int, Level]
    start_overrides: Mapping[int, int]


@dataclass
class Numbering:
    """Counts the numbered paragraphs of a document, in its order."""

    lists: Mapping[str, NumberedList]
    styles: Mapping[str, Element]
    default_style: str | None
    _counts: dict[str, dict[int, int]] = field(default_factory=dict)
    _begun: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, numbering: Element | None, styles: Element | None) -> "Numbering":
        """From the parts `numbering` and `styles`, either of which may be missing."""
        paragraph_styles = [
            style for style in (() if styles is None else styles) if attribute(style, "type") == "paragraph"
        ]
        return cls(
            lists=_lists(numbering, {} if styles is None else _style_lists(styles)),
            styles={attribute(style, "styleId") or "": style for style in paragraph_styles},
            default_style=next(
                (attribute(style, "styleId") for style in paragraph_styles if attribute(style, "default") == "1"), None
            ),
        )

    def number_of(self, paragraph: Element) -> str:
        """What stands in front of the paragraph, such as `3.1`; empty for nothing. Counts it."""
        found = self._list_and_level(child(paragraph, "pPr"))
        if found is None:
            return ""
        list_id, index = found
        numbered = self.lists[list_id]
        counts = self._counts.setdefault(numbered.abstract, {})
        if list_id not in self._begun:
            self._begun.add(list_id)
            for overridden, start in numbered.start_overrides.items():
                counts[overridden] = start - 1
        level = numbered.levels.get(index)
        if level is None:
            return ""
        counts[index] = counts.get(index, level.start - 1) + 1
        for deeper in [other for other in counts if other > index]:
            below = numbered.levels.get(deeper)
            if below is not None and index < below.restart:
                del counts[deeper]
        return _shown(level, numbered.levels, counts)

    def _list_and_level(self, properties: Element | None) -> tuple[str, int] | None:
        """Where its own properties, or the styles that it is based on, put the paragraph."""
        list_id = level = None
        style = attribute(child(properties, "pStyle"), "val") or self.default_style
        for _ in range(MAX_STYLE_DEPTH):
            numbers = child(properties, "numPr")
            list_id = list_id or attribute(child(numbers, "numId"), "val")
            level = level or attribute(child(numbers, "ilvl"), "val")
            if list_id is not None or style is None or style not in self.styles:
                break
            declared = self.styles[style]
            own, style = style, attribute(child(declared, "basedOn"), "val")
            properties = child(declared, "pPr")
            named = attribute(child(properties, "numPr", "numId"), "val")
            if level is None and named is not None and named in self.lists:
                level = next((str(at) for at, one in self.lists[named].levels.items() if one.style == own), None)
        if list_id is None or list_id not in self.lists:
            return None
        return list_id, int(level) if level and level.isdecimal() and int(level) < LEVELS else 0


def _shown(level: Level, levels: Mapping[int, Level], counts: Mapping[int, int]) -> str:
    if level.number_format == "bullet":
        return BULLET
    if level.number_format == "none":
        return _PLACE.sub("", level.text).strip()

    def number(place: re.Match[str]) -> str:
        at = int(place[1]) - 1
        shown = levels.get(at, level)
        return written_number(counts.get(at, shown.start), "decimal" if level.legal else shown.number_format)

    return _PLACE.sub(number, level.text).strip()


def _style_lists(styles: Element) -> dict[str, str]:
    """The list of each numbering style."""
    lists = {attribute(style, "styleId") or "": child(style, "pPr", "numPr", "numId") for style in styles}
    return {style: attribute(number, "val") or "" for style, number in lists.items() if number is not None}


def _lists(numbering: Element | None, style_lists: Mapping[str, str]) -> dict[str, NumberedList]:
    if numbering is None:
        return {}
    abstract = {attribute(one, "abstractNumId") or "": one for one in numbering if local(one) == "abstractNum"}
    numbers = {attribute(one, "numId") or "": one for one in numbering if local(one) == "num"}
    named = {list_id: attribute(child(number, "abstractNumId"), "val") or "" for list_id, number in numbers.items()}

    def resolved(abstract_id: str) -> str:
        """A list that only names a numbering style has the levels of that style's list."""
        link = attribute(child(abstract.get(abstract_id), "numStyleLink"), "val")
        return named.get(style_lists.get(link or "", ""), abstract_id)

    found = {}
    for list_id, number in numbers.items():
        if list_id == "0":
            continue
        source = resolved(named[list_id])
        overrides = [one for one in number if local(one) == "lvlOverride"]
        levels = _levels(abstract.get(source))
        for override in overrides:
            levels |= _levels(override)
        starts = {_at(one): attribute(child(one, "startOverride"), "val") for one in overrides}
        found[list_id] = NumberedList(
            abstract=source,
            levels=levels,
            start_overrides={at: _integer(start, 1) for at, start in starts.items() if start is not None},
        )
    return found


def _levels(parent: Element | None) -> dict[int, Level]:
    levels = () if parent is None else (one for one in parent if local(one) == "lvl")
    return {_at(one): _level(one, _at(one)) for one in levels}


def _level(declared: Element, at: int) -> Level:
    number_format = child(declared, "numFmt")
    if number_format is None:  # a format that old readers do not know, beside its replacement
        number_format = next((one for one in declared.iter() if local(one) == "numFmt"), None)
    return Level(
        start=_integer(attribute(child(declared, "start"), "val"), 0 if child(declared, "start") is None else 1),
        number_format=attribute(number_format, "val") or "decimal",
        text=attribute(child(declared, "lvlText"), "val") or "",
        legal=is_on(child(declared, "isLgl")),
        restart=_integer(attribute(child(declared, "lvlRestart"), "val"), at),
        style=attribute(child(declared, "pStyle"), "val"),
    )


def _at(element: Element) -> int:
    return _integer(attribute(element, "ilvl"), 0)


def _integer(text: str | None, default: int) -> int:
    try:
        return default if text is None else int(text)
    except ValueError:
        return default
