"""Splits long lists into chunks: a statement takes a limited number of values."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

AT_ONCE: Final = 500


def chunked(values: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while some := list(islice(rest, AT_ONCE)):
        yield some
