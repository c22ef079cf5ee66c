"""An event on its way to those who listen, in every form in which it is sent. Each is made once, for all of them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from aijobs.domain.jobs.events import JobEvent
from aijobs.persistence.jobs.event_log import LogEntry

#: Ends of lines to Unicode, though not to JSON and not to the standard of event streams: many clients split there.
LINE_ENDS: Final = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def one_line(document: str) -> str:
    """The same JSON, which no reader takes for several lines."""
    return document if document.isascii() else document.translate(LINE_ENDS)


@dataclass(frozen=True)
class LiveEvent:
    """`entry` is its line in everybody's log. Where only one job is read, nobody asks for that."""

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
        """Server-sent event (WHATWG HTML, section 9.2) of its job's own stream."""
        return f"id: {self.event.seq}\nevent: {self.event.kind}\ndata: {self.document}\n\n".encode()

    @cached_property
    def log_frame(self) -> bytes:
        """Server-sent event of everybody's log."""
        return f"id: {self.position}\nevent: {self.event.kind}\ndata: {self.document}\n\n".encode()

    @cached_property
    def message(self) -> str:
        """For a WebSocket."""
        return f'{{"id": {self.position}, "event": {self.document}}}'
