"""Cuts a chat endpoint's answer into JSON documents, by its bytes: the Content-Type of endpoints is often wrong.

Understood are server-sent events (WHATWG HTML 9.2) with any line ends, over several `data:` lines or without empty
lines between them, a JSON document for each line, one JSON document, and a list of them.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aijobs.adapters.network.http_client import MAX_BODY
from aijobs.domain.errors import AnswerLost

MAX_LINE: Final = 8 * 1024 * 1024  #: bytes; an answer of MAX_ANSWER characters in one event, each escaped, fits
DONE: Final = "[DONE]"
BOM: Final = "\ufeff"
_FIELDS: Final = ("id", "retry")


@dataclass(frozen=True)
class Frame:
    """One document of an answer; without one, the text that came in its place."""

    document: Mapping[str, Any] | None
    text: str = ""
    is_error: bool = False  #: an event called `error`

    @property
    def is_done(self) -> bool:
        return self.document is None and self.text.upper() == DONE


async def frames(chunks: AsyncIterator[bytes]) -> AsyncIterator[Frame]:
    """Each frame as soon as it is complete. Raises AnswerLost for one that is too long, and what `chunks` raises."""
    reader = _FrameReader()
    async for line in _lines(chunks):
        for frame in reader.take(line):
            yield frame
    for frame in reader.end():
        yield frame


class _FrameReader:
    """Takes lines, and gives the frames that are complete."""

    def __init__(self) -> None:
        self._data: list[str] = []  #: of the event that is being read
        self._bare: list[str] = []  #: lines of no event
        self._event = ""

    def take(self, line: str) -> Iterator[Frame]:
        name, colon, value = line.partition(":")
        if not line.strip():
            yield from self._end_event()
        elif name == "data" and not self._bare:
            yield from self._take_data(value.strip().removeprefix(BOM))
        elif name == "event" and colon and not self._bare:
            self._event = value.strip()
        elif (not name and colon) or (name in _FIELDS and not self._bare):
            pass  # a comment, which keeps the connection open, or a field that says nothing of the answer
        else:
            yield from self._take_bare(line)

    def end(self) -> Iterator[Frame]:
        yield from self._end_event()
        if self._bare:
            yield from _documents_of("\n".join(self._bare))

    def _take_data(self, value: str) -> Iterator[Frame]:
        """An event ends where its data is complete: some endpoints leave the empty line out."""
        self._data.append(value)
        data = "\n".join(self._data)
        if data.upper() == DONE or _parsed(data) is not None:
            yield from self._end_event()

    def _end_event(self) -> Iterator[Frame]:
        data, is_error = self._data, self._event == "error"
        self._data, self._event = [], ""
        if not any(data):
            return
        whole = _parsed("\n".join(data))
        if whole is None and all(_parsed(line) is not None for line in data):
            for line in data:
                yield from _frames_of(_parsed(line), line, is_error=is_error)
        else:
            yield from _frames_of(whole, "\n".join(data), is_error=is_error)

    def _take_bare(self, line: str) -> Iterator[Frame]:
        if not self._bare and (line.strip().upper() == DONE or isinstance(_parsed(line), dict)):
            yield from _frames_of(_parsed(line), line.strip())
        else:
            self._bare.append(line)


def _documents_of(text: str) -> Iterator[Frame]:
    """One JSON document over several lines, or several; else the text itself."""
    found, position, decoder = list[Any](), 0, json.JSONDecoder()
    try:
        while (position := len(text) - len(text[position:].lstrip())) < len(text):
            document, position = decoder.raw_decode(text, position)
            found.append(document)
    except (ValueError, RecursionError):
        yield Frame(None, text.strip())
        return
    for document in found:
        yield from _frames_of(document, text)


def _frames_of(document: Any, text: str, *, is_error: bool = False) -> Iterator[Frame]:
    match document:
        case dict():
            yield Frame(document, text, is_error)
        case list():
            for one in document:
                yield from _frames_of(one, text, is_error=is_error)
        case _:
            yield Frame(None, text, is_error)


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Lines that end with LF, CR or CRLF. A CR ends a line at once; an LF that follows it is no other line."""
    rest, total, after_cr, is_first = b"", 0, False, True
    async for chunk in chunks:
        total += len(chunk)
        if total > MAX_BODY:
            raise AnswerLost("The chat endpoint's answer is too long.")
        if after_cr:
            chunk = chunk.removeprefix(b"\n")
        after_cr = chunk.endswith(b"\r") or (after_cr and not chunk)
        *lines, rest = (rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        if len(rest) > MAX_LINE:
            raise AnswerLost("The chat endpoint sends an event that is too long.")
        for line in lines:
            yield _decoded(line, is_first=is_first)
            is_first = False
    if rest:
        yield _decoded(rest, is_first=is_first)


def _decoded(line: bytes, *, is_first: bool) -> str:
    text = line.decode("utf-8", "replace")
    return text.removeprefix(BOM) if is_first else text


def _parsed(text: str) -> dict[str, Any] | list[Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict | list) else None
