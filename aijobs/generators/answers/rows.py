"""Finds the rows in a JSON document, in whatever it wraps them, and checks that no key of theirs is lost."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final

from aijobs.domain.documents.column_values import fit_text
from aijobs.domain.documents.templates import header_key, quotes_key
from aijobs.domain.errors import FieldError
from aijobs.domain.values.json_pointer import pointer
from aijobs.generators.answers.documents import NotJson
from aijobs.generators.answers.tolerant_text import Path

ROWS: Final = "rows"
MAX_WRAPPINGS: Final = 3
MAX_REPORTED: Final = 20
MAX_QUOTE_LENGTH: Final = 1000
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""What `\\frac` and `\\beta` become when their backslash is not escaped. No cell can hold it."""

_ELLIPSES: Final = frozenset({"...", "…", "……", ". . .", "[...]", "(...)", "省略", "略"})


@dataclass(frozen=True)
class Rows:
    """The rows in a document: the list at `path`, or, where `is_list` is false, the one object there."""

    items: Sequence[Any]
    path: Path = ()
    is_list: bool = True

    def as_given(self, data: Any) -> Any:
        """As `check_rows` takes it: a list or a row that stands under other keys, or beside them, alone."""
        if not self.path:
            return data
        return {str(self.path[-1]): self.items} if self.is_list else self.items[0]

    def cells(self, written: Mapping[Path, str]) -> dict[tuple[int, str], str]:
        """What the answer said for values of cells, by row and key."""
        found, depth = dict[tuple[int, str], str](), len(self.path)
        for path, raw in written.items():
            match path[depth:] if path[:depth] == self.path else ():
                case (str() as key,) if not self.is_list:
                    found[0, key] = raw
                case (int() as index, str() as key) if self.is_list:
                    found[index, key] = raw
        return found


def rows_in(data: Any, columns: Sequence[str]) -> Rows | None:
    """The rows of a document, or None when it is no table with one of these columns; without columns any value is one.

    Raises NotJson when it holds several lists of rows.
    """
    if not columns:
        return _any_rows(data)
    names = {header_key(name) for name in columns}
    found = list(_rows_at(data, names, ()))
    if len(found) > 1:
        raise NotJson("It holds several lists of rows. Give one.")
    return found[0] if found else None


def _any_rows(data: Any) -> Rows:
    if isinstance(data, list):
        return Rows(data)
    if isinstance(data, dict) and isinstance(data.get(ROWS), list):
        return Rows(data[ROWS], (ROWS,))
    return Rows([data], is_list=False)


def _rows_at(data: Any, names: Set[str], path: Path) -> Iterator[Rows]:
    match data:
        case list():
            if any(_has_column(item, names) for item in data):
                yield Rows(data, path)
        case dict():
            yield from _rows_in_object(data, names, path)


def _rows_in_object(data: Mapping[str, Any], names: Set[str], path: Path) -> Iterator[Rows]:
    rows_key = next((key for key in data if header_key(key) == ROWS), None)
    rows = data[rows_key] if rows_key is not None else None
    has_list = isinstance(rows, list) and all(isinstance(item, dict) for item in rows)
    if _has_column(data, names) and not (has_list and names.isdisjoint({header_key(key) for key in data} - {ROWS})):
        yield Rows([data], path, is_list=False)
    quotes = quotes_key(names)
    for key, value in data.items():
        if header_key(key) == quotes:
            continue
        if key == rows_key and has_list:
            yield Rows(value, (*path, key))
        elif header_key(key) not in names and isinstance(value, list | dict) and len(path) < MAX_WRAPPINGS:
            yield from _rows_at(value, names, (*path, key))


def _has_column(item: Any, names: Set[str]) -> bool:
    return isinstance(item, dict) and any(header_key(key) in names for key in item)


def key_errors(columns: Sequence[str], data: Any, *, repaired: bool) -> tuple[FieldError, ...]:
    """Keys by which a value would be lost: of no column, where a column is missing or the JSON was repaired.

    And rows that stand for others (`{"Order": "..."}`), and texts with characters that no cell holds.
    """
    found = rows_in(data, columns)
    if found is None:
        return ()
    names = {header_key(name): name for name in columns}
    quotes = quotes_key(columns)
    errors = list[FieldError]()
    for index, row in enumerate(found.items):
        if not isinstance(row, dict):
            continue
        keys = {header_key(key) for key in row}
        unknown = [
            key
            for key, value in row.items()
            if header_key(key) not in names
            and (repaired or value is not None)
            and not (header_key(key) == quotes and isinstance(value, dict))
        ]
        missing = [name for key, name in names.items() if key not in keys]
        if broken := [key for key, value in row.items() if isinstance(value, str) and _CONTROLS.search(value)]:
            errors.append(
                FieldError(pointer(*found.path, index, broken[0][:60]), "Has a backslash that is not escaped.")
            )
        elif _is_elision(row):
            errors.append(FieldError(pointer(*found.path, index), "Says that rows are left out. Give every row."))
        elif unknown and (repaired or missing):
            errors.append(FieldError(pointer(*found.path, index, unknown[0][:60]), _message(missing)))
        if len(errors) >= MAX_REPORTED:
            break
    return tuple(errors)


def _is_elision(row: Mapping[str, Any]) -> bool:
    values = [value for value in row.values() if value is not None]
    return bool(values) and all(isinstance(value, str) and value.strip() in _ELLIPSES for value in values)


def _message(missing: Sequence[str]) -> str:
    lacking = f" Is it {', '.join(missing[:5])}, which is missing?" if missing else ""
    return f"Is the key of no column.{lacking}"


def quotes_in(data: Any, columns: Sequence[str]) -> list[dict[str, str]]:
    """What an answer quotes for each of its rows, by column. What is no text quotes nothing."""
    found = rows_in(data, columns)
    key, name_of = quotes_key(columns), {header_key(name): name for name in columns}
    quotes = list[dict[str, str]]()
    for row in found.items if found else ():
        given = next((value for name, value in row.items() if header_key(name) == key), None)
        pairs = given.items() if isinstance(given, dict) else ()
        quotes.append(
            {
                name_of[header_key(name)]: fit_text(text)[:MAX_QUOTE_LENGTH]
                for name, text in pairs
                if isinstance(text, str) and text.strip() and header_key(name) in name_of
            }
        )
    return quotes
