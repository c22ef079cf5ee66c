"""How the simulated model reads: `key: value` lines and tables of a text, put into the columns of a schema."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final

JsonValue = str | int | float | bool | None

_PAIR: Final = re.compile(r"^[\s>*•·-]*(?:\d+[.、)]\s*)?([^:：|]{1,40}?)\s*[:：]\s*(\S.*?)\s*$", re.MULTILINE)
_TABLE_LINE: Final = re.compile(r"^\s*\|(.+)\|\s*$")
_BETWEEN: Final = re.compile(r"^<<< document .*?\n(.*)^>>> document ", re.MULTILINE | re.DOTALL)
_RULE: Final = re.compile(r"[\s:|-]+")
_DAY: Final = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})")
_AMOUNT: Final = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[+-]?\d+(?:\.\d+)?")
_YES: Final = frozenset({"yes", "true", "是", "有"})
_NO: Final = frozenset({"no", "false", "否", "无"})


def document_in(text: str) -> str:
    """What stands between the lines that begin and end a document; everything, where there are none."""
    found = _BETWEEN.search(text)
    return found[1] if found else text


def facts_in(text: str) -> dict[str, str]:
    """What the text says, by its keys; the first word on something counts."""
    facts: dict[str, str] = {}
    for found in _PAIR.finditer(text):
        facts.setdefault(_plain(found[1]), found[2])
    return facts


def rows_for(schema: Mapping[str, Any], text: str) -> list[dict[str, JsonValue]]:
    """The rows of a table whose headings the schema knows, each with what the whole text says; else one row."""
    columns: Mapping[str, Mapping[str, Any]] = schema["properties"]["rows"]["items"]["properties"]
    facts = facts_in(text)
    items = [line for line in _table_lines(text) if _knows(columns, line)] or [{}]
    return [
        {name: _as(column, _value(name, item) or _value(name, facts)) for name, column in columns.items()}
        for item in items
    ]


def _table_lines(text: str) -> Iterator[dict[str, str]]:
    """Each line of each Markdown table, by its headings."""
    headings: list[str] = []
    for line in text.splitlines():
        found = _TABLE_LINE.match(line)
        if found is None:
            headings = []
        elif not headings:
            headings = [_plain(cell) for cell in found[1].split("|")]
        elif not _RULE.fullmatch(line):
            yield dict(zip(headings, (cell.strip() for cell in found[1].split("|")), strict=False))


def _knows(columns: Mapping[str, object], line: Mapping[str, str]) -> bool:
    names = {_plain(name) for name in columns}
    return len(names & line.keys()) >= 2


def _value(name: str, facts: Mapping[str, str]) -> str | None:
    wanted = _plain(name)
    if wanted in facts:
        return facts[wanted]
    return next((value for key, value in facts.items() if wanted in key or (len(key) > 1 and key in wanted)), None)


def _as(column: Mapping[str, Any], value: str | None) -> JsonValue:
    if value is None:
        return None
    declared = column.get("type", "string")
    kinds = [declared] if isinstance(declared, str) else declared
    if "number" in kinds or "integer" in kinds:
        return _number(value, whole="integer" in kinds)
    if "boolean" in kinds:
        return True if _plain(value) in _YES else False if _plain(value) in _NO else None
    day = _DAY.fullmatch(value.strip(" 日"))
    return f"{int(day[1]):04}-{int(day[2]):02}-{int(day[3]):02}" if day else value


def _number(value: str, *, whole: bool) -> int | float | None:
    found = _AMOUNT.search(value)
    if found is None:
        return None
    number = float(found[0].replace(",", ""))
    return int(number) if whole or number.is_integer() else number


def _plain(key: str) -> str:
    """`**Contract No.**`, `合 同 编 号`: without case, blanks and decoration."""
    folded = unicodedata.normalize("NFKC", key).casefold()
    return re.sub(r"[\s*_`#.]", "", folded)
