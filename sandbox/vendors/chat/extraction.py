"""How the simulated model extracts: `key: value` lines and tables of a text become the columns of a schema."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final

JsonValue = str | int | float | bool | None

_PAIR: Final = re.compile(r"^[\s>*•·-]*(?:\d+[.、)]\s*)?([^:：|]{1,40}?)\s*[:：]\s*(\S.*?)\s*$", re.MULTILINE)
_TABLE_LINE: Final = re.compile(r"^\s*\|(.+)\|\s*$")
_DOCUMENT: Final = re.compile(r"^<<< document .*?\n(.*)^>>> document ", re.MULTILINE | re.DOTALL)
_TABLE_RULE: Final = re.compile(r"[\s:|-]+")
_DAY: Final = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})")
_AMOUNT: Final = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[+-]?\d+(?:\.\d+)?")
_YES: Final = frozenset({"yes", "true", "是", "有"})
_NO: Final = frozenset({"no", "false", "否", "无"})


def document_in(text: str) -> str:
    """The text between the lines that begin and end a document; the whole text when there are none."""
    found = _DOCUMENT.search(text)
    return found[1] if found else text


def facts_in(text: str) -> dict[str, str]:
    """The values of a text by their keys; of several values for a key the first one counts."""
    facts: dict[str, str] = {}
    for found in _PAIR.finditer(text.replace("\t", "\n")):
        facts.setdefault(_normalized(found[1]), found[2])
    return facts


def rows_for(schema: Mapping[str, Any], text: str) -> list[dict[str, Any]]:
    """One row for each line of a table whose headings match the schema, completed from the whole text; else one row.

    Where the schema has an object of quotations in a row, they are the values as the text writes them.
    """
    properties: Mapping[str, Mapping[str, Any]] = schema["properties"]["rows"]["items"]["properties"]
    columns = {name: column for name, column in properties.items() if column.get("type") != "object"}
    quotes = next((name for name in properties if name not in columns), None)
    facts = facts_in(text)
    items = [line for line in _table_lines(text) if _has_columns(columns, line)] or [{}]
    found = [{name: _value(name, item) or _value(name, facts) for name in columns} for item in items]
    rows = [{name: _converted(column, values[name]) for name, column in columns.items()} for values in found]
    if quotes is None:
        return rows
    return [{**row, quotes: values} for row, values in zip(rows, found, strict=True)]


def _table_lines(text: str) -> Iterator[dict[str, str]]:
    """Each line of each table, with the bars of Markdown or with tabs, as values by heading."""
    headings: list[str] = []
    for line in text.splitlines():
        cells = _cells(line)
        if not cells:
            headings = []
        elif not headings:
            headings = [_normalized(cell) for cell in cells]
        elif len(cells) == len(headings) and not _TABLE_RULE.fullmatch(line):
            yield dict(zip(headings, cells, strict=True))
        elif len(cells) > len(headings):
            headings = [_normalized(cell) for cell in cells]


def _cells(line: str) -> list[str]:
    """Of a line of a table; nothing for another line."""
    found = _TABLE_LINE.match(line)
    if found is None and "\t" not in line:
        return []
    return [cell.strip() for cell in (found[1].split("|") if found else line.split("\t"))]


def _has_columns(columns: Mapping[str, object], line: Mapping[str, str]) -> bool:
    names = {_normalized(name) for name in columns}
    return len(names & line.keys()) >= 2


def _value(name: str, facts: Mapping[str, str]) -> str | None:
    normalized = _normalized(name)
    if normalized in facts:
        return facts[normalized]
    similar = (value for key, value in facts.items() if normalized in key or (len(key) > 1 and key in normalized))
    return next(similar, None)


def _converted(column: Mapping[str, Any], value: str | None) -> JsonValue:
    if value is None:
        return None
    declared = column.get("type", "string")
    kinds = [declared] if isinstance(declared, str) else declared
    if "number" in kinds or "integer" in kinds:
        return _number(value, whole="integer" in kinds)
    if "boolean" in kinds:
        return True if _normalized(value) in _YES else False if _normalized(value) in _NO else None
    day = _DAY.fullmatch(value.strip(" 日"))
    return f"{int(day[1]):04}-{int(day[2]):02}-{int(day[3]):02}" if day else value


def _number(value: str, *, whole: bool) -> int | float | None:
    found = _AMOUNT.search(value)
    if found is None:
        return None
    number = float(found[0].replace(",", ""))
    return int(number) if whole or number.is_integer() else number


def _normalized(key: str) -> str:
    """`**Contract No.**`, `合 同 编 号`: without case, spaces and markup."""
    folded = unicodedata.normalize("NFKC", key).casefold()
    return re.sub(r"[\s*_`#.]", "", folded)
