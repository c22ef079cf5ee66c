"""Rows of a CSV file as items of a batch: `{{column}}` in the shared parameters stands for a cell of the row.

A cell is text, whatever it begins with: nothing is computed, here or later.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.jobs.batches.batch import BatchItemRequest, SentItem
from aijobs.domain.values.json_pointer import pointer

_PLACEHOLDER: Final = re.compile(r"\{\{([^{}]*)\}\}")
_PARAMS: Final = "params."
_METADATA: Final = "metadata."
_USER: Final = "user_id"

_TYPES: Final[Mapping[type, str]] = {str: "string", bool: "boolean", int: "integer", float: "number"}


class ColumnTemplate:
    """Makes items of rows. A column is a placeholder's, or else it is named as a parameter (`params.` may stand before
    it), `metadata.` and a name, or `user_id`. An empty cell alone leaves its parameter out.

    Raises InvalidParameters for a column that nothing uses or that is there twice, for two that name one parameter, and
    for a placeholder without a column.
    """

    def __init__(self, params: Mapping[str, Any], columns: Sequence[str], parameters: Collection[str]) -> None:
        self._params = params
        self._columns = list(columns)
        used = set(_placeholders(params))
        problems = [*_missing(params, set(columns)), *_repeated(columns)]
        self._own: dict[str, str] = {}  #: parameters by column
        self._metadata: dict[str, str] = {}
        for column in self._columns:
            if column in used or column == _USER:
                continue
            if column.startswith(_METADATA):
                self._metadata[column] = column.removeprefix(_METADATA)
            elif (name := column.removeprefix(_PARAMS)) in parameters:
                self._own[column] = name
            else:
                message = "No parameter has this name, and no placeholder in `params` uses this column."
                problems.append(FieldError(pointer("columns", column), message))
        problems += _of_one_parameter(self._own)
        if problems:
            raise InvalidParameters("The columns do not fit the parameters.", *problems)

    def item(self, cells: Sequence[str]) -> SentItem:
        """The item of a row, or what is wrong with it."""
        if len(cells) != len(self._columns):
            message = f"This row has {len(cells)} cells, and the header {len(self._columns)}."
            return SentItem(problems=(FieldError("", message),))
        row = dict(zip(self._columns, cells, strict=True))
        params, texts = self._filled(row)
        try:
            request = BatchItemRequest(
                params=params,
                metadata={name: row[column] for column, name in self._metadata.items() if row[column]},
                user_id=row.get(_USER) or None,
            )
        except ValidationError as invalid:
            return SentItem(problems=[FieldError(pointer(*error["loc"]), error["msg"]) for error in invalid.errors()])
        return SentItem(request=request, texts=frozenset(texts))

    def _filled(self, row: Mapping[str, str]) -> tuple[dict[str, Any], set[str]]:
        """The parameters, and the names of those that are a cell as a whole."""
        params: dict[str, Any] = {}
        texts = set()
        for name, value in self._params.items():
            column = _whole(value)
            if column is None:
                params[name] = _fill(value, row)
            elif row[column]:
                params[name] = row[column]
                texts.add(name)
        for column, name in self._own.items():
            if row[column]:
                params[name] = row[column]
                texts.add(name)
        return params, texts


def kinds_of(parameters: type[BaseModel]) -> Mapping[str, frozenset[str]]:
    """The JSON types that each parameter takes; none where its schema does not say."""
    properties = parameters.model_json_schema().get("properties", {})
    return {name: frozenset(_kinds(schema)) for name, schema in properties.items()}


def typed(params: Mapping[str, Any], texts: Collection[str], kinds: Mapping[str, frozenset[str]]) -> dict[str, Any]:
    """The parameters, with cells as numbers, truth values, lists or objects where text is not taken."""
    read = dict(params)
    for name in texts:
        kind = kinds.get(name, frozenset())
        if kind and "string" not in kind:
            read[name] = _read(read[name])
    return read


def _read(cell: str) -> Any:
    try:
        return json.loads(cell.lower() if cell.lower() in {"true", "false"} else cell, parse_constant=str)
    except (ValueError, RecursionError):
        return cell  # which the model's own check names


def _kinds(schema: Mapping[str, Any]) -> Iterator[str]:
    if "type" in schema:
        yield schema["type"]
    for option in schema.get("anyOf", ()):
        yield from _kinds(option)
    if "type" not in schema:
        yield from (_TYPES[type(value)] for value in schema.get("enum", ()) if type(value) in _TYPES)


def _whole(value: Any) -> str | None:
    """The column of a text that is one placeholder and nothing else."""
    match = _PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return _column(match) if match else None


def _column(placeholder: re.Match[str]) -> str:
    return placeholder[1].strip()


def _fill(value: Any, row: Mapping[str, str]) -> Any:
    match value:
        case str():
            return _PLACEHOLDER.sub(lambda match: row[_column(match)], value)
        case dict():
            return {key: _fill(inner, row) for key, inner in value.items()}
        case list():
            return [_fill(inner, row) for inner in value]
    return value


def _placeholders(value: Any) -> Iterator[str]:
    for _, column in _placed(value, ()):
        yield column


def _placed(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    match value:
        case str():
            yield from ((path, _column(match)) for match in _PLACEHOLDER.finditer(value))
        case dict():
            for key, inner in value.items():
                yield from _placed(inner, (*path, key))
        case list():
            for index, inner in enumerate(value):
                yield from _placed(inner, (*path, index))


def _missing(params: Mapping[str, Any], columns: Collection[str]) -> Iterator[FieldError]:
    for path, column in _placed(params, ()):
        if column not in columns:
            yield FieldError(pointer("params", *path), f"The file has no column {column!r}.")


def _repeated(columns: Sequence[str]) -> Iterator[FieldError]:
    for column in sorted(column for column, count in Counter(columns).items() if count > 1):
        yield FieldError(pointer("columns", column), "This column is there twice.")


def _of_one_parameter(parameter_of: Mapping[str, str]) -> Iterator[FieldError]:
    counts = Counter(parameter_of.values())
    for column, name in parameter_of.items():
        if counts[name] > 1:
            yield FieldError(pointer("columns", column), "Another column names the same parameter.")
