"""One prediction, as the sandbox stores it.

starting ─► processing ─► succeeded | failed | canceled
    └──► canceled | aborted | failed
"""

from enum import StrEnum

from pydantic import BaseModel, JsonValue

from sandbox.clock import now_ns
from sandbox.persistence.ledger import Charge


class PredictionStatus(StrEnum):
    """Replicate's names of the statuses."""

    STARTING = "starting"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    ABORTED = "aborted"

    @property
    def is_final(self) -> bool:
        return self not in (PredictionStatus.STARTING, PredictionStatus.PROCESSING)


class Event(StrEnum):
    """The events that a webhook can be subscribed to."""

    START = "start"
    OUTPUT = "output"
    LOGS = "logs"
    COMPLETED = "completed"


DEFAULT_EVENTS = frozenset({Event.OUTPUT, Event.COMPLETED})


def output_name(ending: str, number: int | None = None) -> str:
    """Models with several results number them from 0."""
    return f"output.{ending}" if number is None else f"out-{number}.{ending}"


class Prediction(BaseModel):
    """One prediction, as it is stored."""

    id: str
    model: str
    version: str
    input: dict[str, JsonValue]
    created_ns: int
    status: PredictionStatus = PredictionStatus.STARTING
    output_names: list[str] = []  #: the files that the work produced
    output_text: str | None = None  #: or its words
    gives_list: bool = False  #: the output is a list of links, even of one
    error: str | None = None
    logs: str = ""
    started_ns: int | None = None
    completed_ns: int | None = None
    deadline_ns: int | None = None
    webhook: str | None = None
    webhook_events: frozenset[Event] = DEFAULT_EVENTS
    data_removed: bool = False
    is_interrupted: bool = False
    link_expires_ns: int = 0

    def start(self) -> None:
        self.status = PredictionStatus.PROCESSING
        self.started_ns = now_ns()
        self.logs = ""

    def end(self, status: PredictionStatus, *, error: str | None = None) -> None:
        self.status = status
        self.error = error
        self.completed_ns = now_ns()
        if status is not PredictionStatus.SUCCEEDED:
            self.output_names, self.output_text = [], None

    def erase(self) -> None:
        """The end of the retention: only the record stays."""
        self.input = {}
        self.logs = ""
        self.output_names, self.output_text = [], None
        self.data_removed = True

    def renew_link(self, *, ttl_ns: int) -> None:
        """A returned link is valid for at least half of its usual lifetime."""
        if self.link_expires_ns - now_ns() < ttl_ns // 2:
            self.link_expires_ns = now_ns() + ttl_ns

    @property
    def charge(self) -> Charge:
        """A run that never started, or was interrupted, is free; one that failed or was canceled costs its time."""
        if not self.status.is_final:
            return Charge.PENDING
        if self.status is PredictionStatus.SUCCEEDED:
            return Charge.CHARGED
        return Charge.TIME_ONLY if self.started_ns and not self.is_interrupted else Charge.FREE
