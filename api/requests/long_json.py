"""Reads a long JSON document from a file, value by value, so that memory does not grow with its length."""

import codecs
import json
from collections.abc import Iterator
from typing import IO, Any, Final

from api.problems import UnreadableBody
from api.requests.strict_json import DECODER, NotStrictJson

CHUNK_BYTES: Final = 64 * 1024
MAX_VALUE: Final = 256 * 1024
"""Characters of one value that is read as a whole."""

_SPACES: Final = " \t\r\n"


class JsonScanner:
    """Reads tokens and whole values of strict JSON in UTF-8. Raises UnreadableBody."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._place = 0
        self._is_at_end = False

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            while self._place < len(self._text):
                if self._text[self._place] not in _SPACES:
                    return self._text[self._place]
                self._place += 1
            if not self._fill():
                return ""

    def take(self, wanted: str) -> None:
        """Skip one character."""
        if self.peek() != wanted:
            raise UnreadableBody("The body is not JSON in UTF-8.")
        self._place += 1

    def value(self) -> tuple[Any, str]:
        """The next value, and how it is written."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._place)
            except NotStrictJson as wrong:
                raise UnreadableBody(str(wrong)) from wrong
            except (json.JSONDecodeError, RecursionError) as unfinished:
                if len(self._text) - self._place > MAX_VALUE or not self._fill():
                    raise UnreadableBody("The body is not JSON in UTF-8, or a part of it is too long.") from unfinished
                continue
            if end == len(self._text) and self._fill():
                continue  # of a number there may be more
            written = self._text[self._place : end]
            self._place = end
            return value, written

    def members(self) -> Iterator[str]:
        """The names of an object's members. Before the next one is asked for, the value is read."""
        seen: set[str] = set()
        self.take("{")
        while self.peek() != "}":
            if seen:
                self.take(",")
            name, _ = self.value()
            if not isinstance(name, str) or name in seen:
                raise UnreadableBody("An object names a key twice, or by no text.")
            seen.add(name)
            self.take(":")
            yield name
        self.take("}")

    def elements(self) -> Iterator[tuple[Any, str]]:
        """A list's values, each with how it is written."""
        self.take("[")
        is_first = True
        while self.peek() != "]":
            if not is_first:
                self.take(",")
            is_first = False
            yield self.value()
        self.take("]")

    def _fill(self) -> bool:
        """Read on. False at the end."""
        if self._is_at_end:
            return False
        chunk = self._file.read(CHUNK_BYTES)
        self._is_at_end = not chunk
        try:
            more = self._decoder.decode(chunk, final=self._is_at_end)
        except UnicodeDecodeError as undecodable:
            raise UnreadableBody("The body is not JSON in UTF-8.") from undecodable
        self._text, self._place = self._text[self._place :] + more, 0
        return True
