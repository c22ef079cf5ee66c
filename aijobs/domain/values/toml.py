"""TOML that people write."""

import tomllib
from typing import Any


def read_toml(text: str) -> dict[str, Any]:
    """Raises ValueError that says what is wrong, also for numbers and nesting that Python's reader stumbles over."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as broken:
        raise ValueError(f"is not TOML: {broken}") from broken
    except ValueError as unreadable:
        raise ValueError("has a number that is too long") from unreadable
    except RecursionError as nested:
        raise ValueError("is nested too deeply") from nested
