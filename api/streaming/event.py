"""A live event in every form in which it is sent. Each form is rendered once, for all subscribers."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from aijobs.domain.jobs.events import JobEvent
from aijobs.persistence.jobs.event_log import LogEntry

#: Line ends in Unicode, but not in JSON nor in the standard for event streams. Many clients split lines there.
LINE_ENDS: Final = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def one_line(document: str) -> str:
    """The same JSON with these line ends escaped, so that every client reads it as one line."""
    return document if document.isascii() else document.translate(LINE_ENDS)


@dataclass(frozen=True)
class LiveEvent:
    """`entry` is the event's entry in the global log. It is None where only one job's history is read."""

    event: JobEvent
    entry: LogEntry | None = None

    @classmethod
    def of(cls, entry: LogEntry) -> "LiveEvent":
        return cls(entry.event, entry)

    @property
    def position(self) -> int:
        assert self.entry is not None, "a job's own history has no positions"
        return self.entry.position

    @cached_property
    def document(self) -> str:
        return one_line(self.event.model_dump_json())

    @cached_property
    def job_frame(self) -> bytes:
        """The server-sent event (WHATWG HTML, section 9.2) in its job's own stream."""
        return f"id: {self.event.seq}\nevent: {self.event.kind}\ndata: {self.document}\n\n".encode()

    @cached_property
    def log_frame(self) -> bytes:
        """The server-sent event in the stream of the global log."""
        return f"id: {self.position}\nevent: {self.event.kind}\ndata: {self.document}\n\n".encode()

    @cached_property
    def message(self) -> str:
        """The message on a WebSocket."""
        return f'{{"id": {self.position}, "event": {self.document}}}'
