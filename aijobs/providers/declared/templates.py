"""Texts with places that a job fills: `{params.prompt}`, `{token}`, `{ref.id}`. Nothing else can be named in them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

_PLACE: Final = re.compile(r"\{([^{}]*)\}")

#: What a request may be made of; besides, `params.` with the name of a parameter.
OF_A_JOB: Final = frozenset({"model", "token", "webhook_url", "webhook_secret", "output_count"})


def places_in(written: object) -> Iterator[str]:
    """Every place in a text, or in the texts of a table, with what is wrong about braces as a place of its own."""
    match written:
        case str():
            yield from _PLACE.findall(written)
            if set("{}") & set(_PLACE.sub("", written)):
                yield written
        case dict():
            for one in written.values():
                yield from places_in(one)
        case list():
            for one in written:
                yield from places_in(one)


def filled(written: Any, values: Mapping[str, Any]) -> Any:
    """With the values in their places. A place alone becomes the value itself; what has no value is left out."""
    match written:
        case str():
            return _filled_text(written, values)
        case dict():
            every = {name: filled(one, values) for name, one in written.items()}
            return {name: one for name, one in every.items() if one is not None}
        case list():
            shown = (filled(one, values) for one in written if not _has_no_value(one, values))
            return [one for one in shown if one is not None]
    return written


def _has_no_value(written: Any, values: Mapping[str, Any]) -> bool:
    """Whether it is a table with places, none of which has a value: in a list, such an item is left out."""
    names = list(places_in(written)) if isinstance(written, dict) else []
    return bool(names) and all(values.get(name) is None for name in names)


def filled_path(written: str, values: Mapping[str, Any]) -> str | None:
    """With the values quoted, so that none leads elsewhere; a model's name keeps its slashes. None without a value."""
    names = _PLACE.findall(written)
    if any(values.get(name) is None for name in names):
        return None
    return _PLACE.sub(
        lambda place: quote(str(values[place[1]]), safe="/" if place[1] == "model" else ""),
        written,
    )


def _filled_text(written: str, values: Mapping[str, Any]) -> Any | None:
    names = _PLACE.findall(written)
    if any(values.get(name) is None for name in names):
        return None
    if len(names) == 1 and written == f"{{{names[0]}}}":
        return values[names[0]]
    return _PLACE.sub(lambda place: str(values[place[1]]), written)
