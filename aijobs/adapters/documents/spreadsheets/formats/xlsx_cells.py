"""The cells of an .xlsx workbook's row (ECMA-376, part 1, 18.3.1.4)."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Final

from aijobs.adapters.documents.spreadsheets.cells import (
    Cell,
    NumberCell,
    cell_without_value,
    error_cell,
    text_cell,
    truth_cell,
)
from aijobs.adapters.documents.spreadsheets.formats.cell_references import column_of_cell
from aijobs.adapters.documents.spreadsheets.formats.xml_rows import Element, name_of
from aijobs.adapters.documents.spreadsheets.number_formats import GENERAL, NumberFormat, number_format
from aijobs.domain.documents.column_values import MAX_EXACT
from aijobs.domain.errors import UnreadableFile

_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")  #: as in `_x000D_`, by 18.4.12 (ST_Xstring)
_TEXTS: Final = frozenset({"s", "str", "inlineStr"})
_SPACE: Final = "{http://www.w3.org/XML/1998/namespace}space"
_PLAIN_DIGITS: Final = re.compile(r"-?\d+")


class CellReader:
    """Reads rows; `texts` and `formats` are what cells refer to by number."""

    def __init__(self, texts: Sequence[str], formats: Sequence[NumberFormat], *, recalculates: bool) -> None:
        self._texts = texts
        self._formats = formats
        self._recalculates = recalculates
        self._general = number_format(GENERAL)

    def row(self, element: Element) -> list[Cell | None]:
        """Empty when nothing is in it."""
        cells: list[Cell | None] = []
        at = -1
        tag = element.tag[: -len("row")] + "c"
        for one in element.iterchildren(tag):
            reference = one.get("r")
            at = column_of_cell(reference) if reference else at + 1
            cell = self._cell(one)
            if cell is None:
                continue
            if at != len(cells):
                if at < len(cells):
                    raise UnreadableFile("The workbook is damaged: the cells of a row are not in order.")
                cells.extend([None] * (at - len(cells)))
            cells.append(cell)
        return cells

    def _cell(self, element: Element) -> Cell | None:
        kind = element.get("t", "n")
        content, inline, has_formula = "", None, False
        for part in element:
            match name_of(part):
                case "v":
                    content = part.text or ""
                case "f":
                    has_formula = True
                case "is":
                    inline = part
        if has_formula and kind != "inlineStr" and self._was_never_computed(kind, content):
            return cell_without_value()
        if kind == "n":
            return self._number(content.strip(), self._format(element)) if content else None
        if kind in _TEXTS:
            return text_cell(self._text(kind, content, inline), self._format(element))
        return self._value(kind, content, element) if content else None

    def _text(self, kind: str, content: str, inline: Element | None) -> str:
        match kind:
            case "inlineStr":
                return inline_text(inline) if inline is not None else ""
            case "s":
                return self._shared(content) if content else ""
        return _unescaped(content)

    def _value(self, kind: str, content: str, element: Element) -> Cell:
        match kind:
            case "b":
                return truth_cell(value=content.strip() in {"1", "true"})
            case "e":
                return error_cell(content)
            case "d":
                return _moment(content)
        return self._number(content.strip(), self._format(element))

    def _was_never_computed(self, kind: str, content: str) -> bool:
        """A formula without a value; or with the 0 that programs write which compute nothing and ask Excel to."""
        return kind != "str" and (not content or (self._recalculates and kind == "n" and content == "0"))

    def _number(self, written: str, format_of_cell: NumberFormat) -> Cell:
        try:
            number = float(written)
        except ValueError:
            raise UnreadableFile("The workbook is damaged: a number in it is none.") from None
        cell = NumberCell(number, format_of_cell)
        if abs(number) > MAX_EXACT and _PLAIN_DIGITS.fullmatch(written):
            cell.value = int(written)  # which no column takes for a number: a float would have other digits
        return cell

    def _format(self, element: Element) -> NumberFormat:
        style = element.get("s")
        if not style:
            return self._formats[0] if self._formats else self._general
        index = int(style)
        return self._formats[index] if 0 <= index < len(self._formats) else self._general

    def _shared(self, content: str) -> str:
        try:
            return self._texts[int(content)]
        except (IndexError, ValueError):
            raise UnreadableFile("The workbook is damaged: a text is missing.") from None


def inline_text(element: Element) -> str:
    """The text of its runs, without the readings of characters (phonetic runs)."""
    pieces = []
    for part in element:
        match name_of(part):
            case "t":
                pieces.append(_spaced(part))
            case "r":
                pieces.extend(_spaced(run) for run in part if name_of(run) == "t")
    return _unescaped("".join(pieces))


def _spaced(element: Element) -> str:
    """Spaces at the ends count only where they are to be preserved."""
    text = element.text or ""
    return text if element.get(_SPACE) == "preserve" else text.strip(" \t\r\n")


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _moment(content: str) -> Cell:
    """A day in ISO 8601, as the Strict variant has them."""
    try:
        moment = datetime.fromisoformat(content)
    except ValueError:
        return Cell(content, content)
    value: date = moment.date() if moment.time() == time.min else moment
    return Cell(value, value.isoformat() if not isinstance(value, datetime) else value.isoformat(" ", "seconds"))
