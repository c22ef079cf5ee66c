"""What was observed from outside during a run: by customers, by readers of streams, and in Temporal."""

from pathlib import Path
from typing import Final

from pydantic import BaseModel, Field

from aijobs.domain.jobs.events import JobEvent
from aijobs.domain.jobs.job import JobState
from chaos.object_store import Inventory

FILE: Final = "observations.json"


class CustomerObservation(BaseModel):
    """The responses to one order, which is repeated until it is answered."""

    user: str
    codes: list[str] = []  #: of the jobs, one for each 202
    refusal: int | None = None  #: HTTP status
    tries: int = 0
    failures: dict[str, int] = {}  #: how often each: the kind of a broken connection, or the HTTP status


class BatchObservation(CustomerObservation):
    """The responses to a batch, whose codes are then those of the batch, and what was sent of each row."""

    is_keyed: bool  #: else it is sent once, and may remain unanswered
    users: list[str]
    images: list[str]


class FailedRequest(BaseModel):
    """A request that was not answered, or by a 5xx. Times are of time.monotonic."""

    began: float
    ended: float
    failure: str


class StreamObservation(BaseModel):
    """What a reader of a job's stream received, over all its connections."""

    code: str
    events: list[JobEvent] = []
    connections: int = 0
    is_over: bool = False  #: the final event came, or the API said that there is nothing more


class WorkflowObservation(BaseModel):
    """One run of a job's workflow. `state` is its result, or what its failure carries."""

    code: str
    run_id: str
    first_run_id: str
    status: str
    failure: str | None = None  #: the failure's type
    state: JobState | None = None


class Observations(BaseModel):
    """Everything that cannot be read from the disk afterwards."""

    accounts: dict[str, CustomerObservation] = {}  #: by idempotency key
    batches: dict[str, BatchObservation] = {}  #: by the order that their metadata names
    failed: list[FailedRequest] = []
    readings: list[StreamObservation] = []
    cancels: dict[str, int] = {}  #: HTTP status by the job's code
    resets: dict[str, int] = {}  #: how often an operator has reset a job's workflow after its end
    terminated: list[str] = []  #: jobs whose workflow an operator has terminated
    workflows: list[WorkflowObservation] = []
    late_watches_running: int = 0
    inventory: Inventory = Field(default_factory=lambda: Inventory(objects={}, unfinished=[]))

    def save(self, folder: Path) -> None:
        (folder / FILE).write_text(self.model_dump_json(), "utf-8")

    @classmethod
    def of(cls, folder: Path) -> "Observations":
        document = (folder / FILE).read_text("utf-8")
        return cls.model_validate_json(document)
