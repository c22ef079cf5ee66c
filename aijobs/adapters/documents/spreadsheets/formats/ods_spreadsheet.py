"""OpenDocument spreadsheets (.ods), by OpenDocument 1.3, part 3.

Each cell says its value and, as text, what people see of it.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import cache, partial
from typing import Final

from aijobs.adapters.documents.archives.office_package import OfficePackage
from aijobs.adapters.documents.spreadsheets.cells import (
    MAX_WIDTH,
    Cell,
    MergedRange,
    Sheet,
    SheetRow,
    cell_without_value,
    check_width,
    error_cell,
)
from aijobs.adapters.documents.spreadsheets.formats.xml_rows import Element, events, forget, name_of
from aijobs.adapters.documents.spreadsheets.number_formats import plain_number
from aijobs.domain.documents.column_values import MAX_EXACT, duration_text
from aijobs.domain.errors import FileTooLarge

_NAMESPACE: Final = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_OFFICE, _TABLE, _TEXT, _STYLE = (_NAMESPACE % name for name in ("office", "table", "text", "style"))

CONTENT: Final = "content.xml"
MAX_REPEATED_ROWS: Final = 100_000  #: of a row that holds something
MAX_SPACES: Final = 1000  #: that one element stands for
_ERROR: Final = re.compile(r"#(?:N/A|DIV/0!|REF!|VALUE!|NAME\?|NUM!|NULL!)|Err:\d{3}|#ERR\d*!?")
_DURATION: Final = re.compile(r"(-?)P(?:(\d+)D)?T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)S)?")
_WITHOUT_TEXT: Final = frozenset({"annotation", "tracked-changes", "shapes"})


def ods_sheets(package: OfficePackage) -> Iterator[Sheet]:
    hidden_styles, names = set[str](), list[tuple[str, bool]]()
    for kind, element in _parts(package):
        if kind == "style":
            if any(part.get(f"{_TABLE}display") == "false" for part in element):
                hidden_styles.add(element.get(f"{_STYLE}name") or "")
        elif kind == "table":
            names.append((element.get(f"{_TABLE}name") or "", element.get(f"{_TABLE}style-name") in hidden_styles))
    for index, (name, is_hidden) in enumerate(names):
        yield Sheet(
            name=name,
            rows=partial(_rows, package, index, name),
            merges=cache(partial(_merges, package, index)),
            is_hidden=is_hidden,
        )


def _table_rows(package: OfficePackage, index: int) -> Iterator[tuple[int, int, Element]]:
    """Each row element of a sheet: its number, how often it is repeated, and the row."""
    number, sheet = 0, -1
    for kind, element in _parts(package):
        if kind == "table":
            sheet, number = sheet + 1, 0
            if sheet > index:
                return
        elif kind == "table-row" and sheet == index:
            repeated = _repeats(element, "number-rows-repeated")
            yield number + 1, repeated, element
            number += repeated


def _parts(package: OfficePackage) -> Iterator[tuple[str, Element]]:
    """Styles and rows, complete, and tables at their start, in the file's order."""
    with package.stream(CONTENT) as content:
        for event, element in events(content, "style", "table", "table-row"):
            name = name_of(element)
            if (event == "start") == (name == "table") and not _is_linked(element):
                yield name, element
            if event == "end" and name != "style":
                forget(element)


def _is_linked(element: Element) -> bool:
    """A table that is kept of another program's document (DDE)."""
    return any(name_of(parent) == "dde-links" for parent in element.iterancestors())


def _rows(package: OfficePackage, index: int, name: str) -> Iterator[SheetRow]:
    for number, repeated, element in _table_rows(package, index):
        cells = _cells(element, name)
        if not cells:
            continue
        if repeated > MAX_REPEATED_ROWS:
            raise FileTooLarge(f"The sheet {name!r} repeats a row {repeated:,} times.")
        for again in range(repeated):
            yield SheetRow(number + again, cells)


def _cells(row: Element, name: str) -> list[Cell | None]:
    cells: list[Cell | None] = []
    blank = 0
    for element in row:
        if name_of(element) not in {"table-cell", "covered-table-cell"}:
            continue
        repeated = _repeats(element, "number-columns-repeated")
        cell = _cell(element) if name_of(element) == "table-cell" else None
        if cell is None:
            blank += repeated
            continue
        check_width(len(cells) + blank + repeated, name)
        cells += [None] * blank
        cells += [cell, *(_cell(element) for _ in range(repeated - 1))]  # each its own: one object is a merged cell
        blank = 0
    return cells


def _merges(package: OfficePackage, index: int) -> Sequence[MergedRange]:
    found = []
    for number, _, row in _table_rows(package, index):
        column = 0
        for element in row:
            if name_of(element) not in {"table-cell", "covered-table-cell"}:
                continue
            down, across = _repeats(element, "number-rows-spanned"), _repeats(element, "number-columns-spanned")
            if (down > 1 or across > 1) and column < MAX_WIDTH:
                found.append(MergedRange(number, column, number + down - 1, column + across - 1))
            column += _repeats(element, "number-columns-repeated")
    return found


def _repeats(element: Element, name: str) -> int:
    return max(int(element.get(f"{_TABLE}{name}") or 1), 1)


def _cell(element: Element) -> Cell | None:
    shown = _text(element)
    kind, has_formula = element.get(f"{_OFFICE}value-type"), element.get(f"{_TABLE}formula") is not None
    if has_formula and (_ERROR.fullmatch(shown.strip()) or _is_error(element)):
        return error_cell(shown.strip() or "#ERROR!")
    if kind in {None, "void"}:
        if has_formula:
            return cell_without_value()
        return Cell(shown, shown) if shown else None
    if kind == "string":
        text = shown or element.get(f"{_OFFICE}string-value") or ""
        return Cell(text, text) if text else None
    return _typed(element, kind, shown)


def _is_error(element: Element) -> bool:
    """LibreOffice says so in an extension of its own."""
    return any(key.endswith("}value-type") and value == "error" for key, value in element.items())


def _typed(element: Element, kind: str, shown: str) -> Cell:
    match kind:
        case "boolean":
            value = element.get(f"{_OFFICE}boolean-value") == "true"
            return Cell(value, shown or ("TRUE" if value else "FALSE"))
        case "date":
            moment = datetime.fromisoformat(element.get(f"{_OFFICE}date-value") or "")
            day: date = moment.date() if moment.time() == time.min else moment.replace(microsecond=0)
            return Cell(day, shown or str(day))
        case "time":
            duration = _duration(element.get(f"{_OFFICE}time-value") or "")
            is_long = not timedelta() <= duration < timedelta(days=1)
            return Cell(duration, shown if shown and not is_long else duration_text(duration))
    number = float(element.get(f"{_OFFICE}value") or "")
    cell = Cell(plain_number(number), shown or str(plain_number(number)))
    cell.loses_digits = abs(number) > MAX_EXACT and number % 1 == 0
    return cell


def _duration(written: str) -> timedelta:
    if (found := _DURATION.fullmatch(written)) is None:
        raise ValueError("no duration")
    sign, days, hours, minutes, seconds = found.groups()
    parts = {"days": days, "hours": hours, "minutes": minutes, "seconds": (seconds or "0").replace(",", ".")}
    duration = timedelta(**{unit: float(amount or 0) for unit, amount in parts.items()})
    return -duration if sign else duration


def _text(element: Element) -> str:
    """Its paragraphs, without notes and drawings."""
    paragraphs = ("".join(_pieces(part)) for part in element if name_of(part) == "p")
    return "\n".join(paragraphs)


def _pieces(element: Element) -> Iterator[str]:
    yield element.text or ""
    for part in element:
        match name_of(part):
            case "s":
                yield " " * min(max(int(part.get(f"{_TEXT}c") or 1), 1), MAX_SPACES)
            case "tab":
                yield "\t"
            case "line-break":
                yield "\n"
            case name if name not in _WITHOUT_TEXT:
                yield from _pieces(part)
        yield part.tail or ""
