"""Text from outside, fit to be stored: no NUL (PostgreSQL refuses it), no lone surrogates (nobody encodes them)."""

from typing import Any


def clean(value: Any) -> Any:
    """The same JSON value with every text cleaned."""
    match value:
        case str():
            return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
        case dict():
            return {clean(key): clean(inner) for key, inner in value.items()}
        case list():
            return [clean(inner) for inner in value]
        case _:
            return value
