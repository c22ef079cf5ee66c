"""Parses server-sent events from chunks of bytes of any size (WHATWG HTML, section 9.2.6)."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_EVENT: Final = 8 * 1024 * 1024  #: characters of one incomplete event


@dataclass(frozen=True)
class Frame:
    """One event, as a browser would dispatch it."""

    id: str
    event: str
    data: str


class EventParser:
    """For one connection. `retry` is the reconnection time that the server sent, in seconds."""

    def __init__(self) -> None:
        self.retry: float | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._follows_cr = False
        self._rest = ""
        self._last_id = ""
        self._event = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The events that this chunk completes. Raises ValueError when one gets longer than MAX_EVENT."""
        for line in self._lines(self._decoder.decode(chunk)):
            if line:
                self._read_field(line)
            elif frame := self._completed_frame():
                yield frame
        if len(self._rest) + sum(map(len, self._data)) > MAX_EVENT:
            raise ValueError(f"an event is longer than {MAX_EVENT} characters")

    def _lines(self, text: str) -> list[str]:
        """CR, LF and CRLF end a line. One that ends in CR is complete, though an LF may still follow."""
        if not text:
            return []
        fresh = text.removeprefix("\n") if self._follows_cr else text
        self._follows_cr = text.endswith("\r")
        *lines, self._rest = (self._rest + fresh.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
        return lines

    def _read_field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._last_id = value
            case "retry" if value.isascii() and value.isdigit():
                self.retry = int(value[:9]) / 1000

    def _completed_frame(self) -> Frame | None:
        data, event = self._data, self._event
        self._data, self._event = [], ""
        return Frame(self._last_id, event or "message", "\n".join(data)) if data else None
