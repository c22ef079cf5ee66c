"""A job: what is asked for, what its workflow needs to know, and how it stands."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints

from aijobs.domain.catalogue import Deadlines
from aijobs.domain.jobs.polling import PollPolicy
from aijobs.domain.jobs.slots.fair_queue import DEFAULT_PRIORITY, FIRST_PRIORITY, LAST_PRIORITY
from aijobs.domain.lifecycle import JobStatus, overall_progress
from aijobs.domain.values.timestamps import Timestamp

MAX_METADATA_KEYS: Final = 16

MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=40)]
MetadataValue = Annotated[str, StringConstraints(max_length=500)]


class JobRequest(BaseModel):
    """What a caller asks for: the body of `POST /api/jobs`, kept as it came."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model_id: str = Field(max_length=100, examples=["replicate_imageupscale_v1"])
    type: str | None = Field(default=None, max_length=50)
    action: str | None = Field(default=None, max_length=50)
    params: dict[str, Any] = Field(examples=[{"image": "https://example.com/photo.jpg", "upscale_factor": 2}])
    output_count: int = Field(default=1, ge=1, strict=True)
    photo_review_analysis_code: str | None = Field(default=None, max_length=50)
    metadata: dict[MetadataKey, MetadataValue] = Field(default_factory=dict, max_length=MAX_METADATA_KEYS)
    callback_url: str | None = Field(default=None, max_length=2000)
    priority: int = Field(
        default=DEFAULT_PRIORITY,
        ge=FIRST_PRIORITY,
        le=LAST_PRIORITY,
        strict=True,
        exclude_if=lambda priority: priority == DEFAULT_PRIORITY,  # an idempotency key of before the field still fits
        description="1 first, 5 last, among the jobs of its user that wait for their vendor",
    )
    start_at: Timestamp | None = Field(
        default=None, exclude_if=lambda at: at is None, description="it is not sent before; RFC 3339"
    )
    expires_at: Timestamp | None = Field(
        default=None, exclude_if=lambda at: at is None, description="canceled when it has not started by then; RFC 3339"
    )
    user_id: str | StrictInt | None = Field(default=None, description="with a service key: the end user it acts for")


class Stage(StrEnum):
    """The part of a job's life that an error or a deadline belongs to."""

    SUBMIT = "submit"
    QUEUE = "queue"
    PROCESSING = "processing"
    MIGRATE = "migrate"
    BUSINESS = "business"


class RerunFrom(StrEnum):
    """Where a rerun begins."""

    START = "start"  #: a new job, charged anew
    MIGRATION = "migration"  #: the finished generation is used again, without a new charge


#: The stage that a job is in, by its status.
STAGE_OF: Final = {
    JobStatus.DRAFT: Stage.SUBMIT,
    JobStatus.SUBMITTED: Stage.QUEUE,
    JobStatus.QUEUED: Stage.QUEUE,
    JobStatus.PROCESSING: Stage.PROCESSING,
    JobStatus.GENERATED: Stage.MIGRATE,
    JobStatus.MIGRATING: Stage.MIGRATE,
}


CANCELED: Final = "canceled"  #: the code of the error of a canceled job


class JobError(BaseModel):
    """Why a job ended badly, as its owner sees it."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    stage: Stage

    @property
    def without_words(self) -> "JobError":
        """As Temporal's history may hold it: vendors and callers have said the rest, and the database keeps it."""
        return self.model_copy(update={"message": self.code})


class JobBrief(BaseModel):
    """The input of a job's workflow. Prompts and answers stay in the database, out of Temporal's history."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    code: str
    user_id: str
    model_id: str
    model_name: str
    provider: str
    asyn: bool
    accepted_at: datetime  #: from here its deadlines count: of a job that was to start later, that time
    deadlines: Deadlines
    poll: PollPolicy
    job_status: JobStatus = JobStatus.DRAFT  #: beyond DRAFT only after continue-as-new
    unit_progress: float | None = None
    expires_at: datetime | None = None  #: when it has not started by then, it is canceled
    priority: int = DEFAULT_PRIORITY
    stage_since: datetime | None = None  #: when the running stage's time began, carried over continue-as-new
    submitted_at: datetime | None = None  #: when the provider took it, carried over continue-as-new
    parameter_class: str = ""  #: jobs of one class take about as long; see LearnedPolling.class_of
    traceparent: str | None = Field(default=None, exclude=True)  #: its workflow's headers have it, where it is kept


def late_watch_id(job_code: str) -> str:
    """The id of the workflow that watches on after the job has ended in doubt."""
    return f"{job_code}_late"


class JobState(BaseModel):
    """How a job stands: the answer to the `state` query, and the workflow's result."""

    model_config = ConfigDict(frozen=True)

    code: str
    job_status: JobStatus
    job_status_name: str
    job_status_desc: str
    unit_progress: float | None
    overall_progress: float
    error: JobError | None = None

    @classmethod
    def of(
        cls, code: str, status: JobStatus, *, unit: float | None = None, error: JobError | None = None
    ) -> "JobState":
        return cls(
            code=code,
            job_status=status,
            job_status_name=status.name,
            job_status_desc=status.zh,
            unit_progress=unit,
            overall_progress=overall_progress(status, unit),
            error=error,
        )
