"""Splits long lists into chunks: a statement takes a limited number of values."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

AT_ONCE: Final = 500

Value = TypeVar("Value")


def chunked(values: Iterable[Value]) -> Iterator[list[Value]]:
    rest = iter(values)
    while some := list(islice(rest, AT_ONCE)):
        yield some
