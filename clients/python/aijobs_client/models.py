"""The API's responses. Fields and enum values that a newer API adds are accepted."""

from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

T = TypeVar("T")


class JobStatus(IntEnum):
    """Where a job is. The numbers are the API's."""

    DRAFT = 0
    SUBMITTED = 1
    QUEUED = 2
    PROCESSING = 3
    GENERATED = 4
    MIGRATING = 5
    SUCCESS = 6
    FAILED = 7
    TIMEOUT = 8
    CANCELED = 9


FINAL: Final = frozenset({JobStatus.SUCCESS, JobStatus.FAILED, JobStatus.TIMEOUT, JobStatus.CANCELED})


class ApiModel(BaseModel):
    """A part of a response; fields that are newer than this client are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Page(ApiModel, Generic[T]):
    """A part of a list: `next_cursor` goes into the next request's `cursor`."""

    data: list[T]
    has_more: bool = False
    next_cursor: str | None = None


class Media(ApiModel):
    """What is known of a video or a sound: `duration` in seconds, codecs as FFmpeg names them, pixels."""

    container: str
    duration: float | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    width: int | None = None
    height: int | None = None


class Output(ApiModel):
    """One result. `size` in bytes, `sha256` in hex, `width` and `height` in pixels; `url` is signed and expires."""

    index: int
    kind: str
    media_type: str
    size: int
    sha256: str
    url: str
    original_url: str | None = None
    width: int | None = None
    height: int | None = None
    media: Media | None = None  #: of a video or a sound
    create_time: datetime
    job_code: str = ""  #: of the job; added by this client


class JobError(ApiModel):
    """Why a job ended badly. `code` is for programs, `message` for people."""

    code: str
    message: str
    stage: str


class Waiting(ApiModel):
    """What a job waits for. `kind` is for programs (`rate_limit`, `unknown_submission`, …), `message` for people.

    `next_at` is when it goes on, or is tried again; `gives_up_at` the deadline that ends the wait.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    kind: str = Field(alias="for")
    since: datetime
    next_at: datetime | None = None
    gives_up_at: datetime | None = None
    position: int | None = None
    ahead: int | None = None
    estimated_start: datetime | None = None
    message: str


class Estimate(ApiModel):
    """How a job that a provider works on compares with the last ones of its kind.

    Half of them took `usual_seconds`, nine of ten `slow_seconds`; `ended_by_now` percent had ended after as long.
    """

    usual_seconds: float
    slow_seconds: float
    ended_by_now: float
    estimated_end: datetime | None = None


class Cost(ApiModel):
    """What a job has cost at its vendor. `source` is `bill`, where the vendor says it in money, or `price`."""

    amount: Decimal
    currency: str
    source: str


class Job(ApiModel):
    """A job at the time of the request. `cost_time` in seconds, progress in percent."""

    code: str
    user_id: str
    model_id: str
    model_name: str
    model_version: str
    platform: str
    type: str | None = None
    action: str | None = None
    output_count: int
    create_date: date
    priority: int = 3  #: 1 first, 5 last, among its user's jobs that wait
    start_at: datetime | None = None  #: it is not sent before
    expires_at: datetime | None = None  #: it is canceled when it has not started by then
    req_time: datetime | None = None
    resp_time: datetime | None = None
    cost_time: float | None = None
    out_id: str | None = None
    job_status: int
    job_status_name: str
    job_status_desc: str
    needs_review: bool = False  #: a person should look at the extracted table
    unit_progress: float | None = None
    overall_progress: float
    photo_review_analysis_code: str | None = None
    metadata: dict[str, str] = {}
    outputs: tuple[Output, ...] = ()
    error: JobError | None = None
    progress_estimated: bool = False  #: `unit_progress` is estimated from the last jobs
    estimate: Estimate | None = None  #: while a provider works on it, and enough is known of such jobs
    waiting: Waiting | None = None  #: what it waits for now
    points: int = 0  #: the price that was reserved
    charged: int | None = None  #: of it, in the end; None until then and while it is held, 0 when it was refunded
    cost: Cost | None = None  #: at the vendor; None where that is not known
    origin: str | None = None
    actions: tuple[str, ...] = ()
    req_json: dict[str, Any] | None = None  #: only when it was requested with `exchange`, like `resp_json`
    resp_json: dict[str, Any] | None = None

    @property
    def is_final(self) -> bool:
        return self.job_status in FINAL

    @property
    def succeeded(self) -> bool:
        return self.job_status == JobStatus.SUCCESS

    @model_validator(mode="before")
    @classmethod
    def _add_job_code_to_outputs(cls, document: Any) -> Any:
        if not isinstance(document, dict) or not isinstance(document.get("outputs"), list):
            return document
        outputs = [{**output, "job_code": document.get("code")} for output in document["outputs"]]
        return {**document, "outputs": outputs}


class JobEvent(ApiModel):
    """One event of a job's history. `seq` counts 1, 2, 3 … within the job; `kind` is status, progress or note."""

    seq: int
    code: str
    at: datetime
    kind: str
    job_status: int
    job_status_name: str
    job_status_desc: str
    unit_progress: float | None = None
    overall_progress: float
    detail: dict[str, Any] = {}

    @property
    def is_final(self) -> bool:
        """Whether this is the last event of the job."""
        return self.kind == "status" and self.job_status in FINAL


class File(ApiModel):
    """An uploaded input. A job's parameter refers to it by its `code`."""

    code: str
    name: str
    media_type: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None


class Points(ApiModel):
    """A user's points of one UTC day. `held` is the part of `used` that is kept until an operator decides.

    `alerted` is the last percent of the limit whose spending was told: 50, 80, 100, or 0.
    """

    user_id: str
    day: date
    limit: int
    used: int
    held: int
    remaining: int
    alerted: int = 0


class Erasure(ApiModel):
    """The erasure of a user: RUNNING, WAITING (`waits_for` says for what) or DONE. `counts`: what was erased so far."""

    code: str
    status: str
    waits_for: str | None
    pseudonym: str
    counts: dict[str, int]
    ended_at: datetime | None


class Model(ApiModel):
    """A model that jobs may name. `parameters` is the JSON Schema of a job's `params`, where it is configured."""

    model_id: str
    model_name: str
    model_version: str
    model_desc: str
    platform: str
    type: str
    unit_point: int
    max_output_count: int
    output_kind: str
    configured: bool
    parameters: dict[str, Any] | None = None


class Batch(ApiModel):
    """A batch and how its rows stand: `counts` by the names of the jobs' statuses; `waiting` rows have no job yet."""

    code: str
    user_id: str | None
    model_id: str
    status: str
    pause_reason: str | None = None
    total: int
    counts: dict[str, int]
    waiting: int
    points: int
    charged: int
    rate_per_minute: float | None = None
    estimated_end: datetime | None = None
    concurrency: int
    start_at: datetime | None = None
    expires_at: datetime | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    create_time: datetime
    ended_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """Every row has ended."""
        return self.ended_at is not None


class ItemError(ApiModel):
    """Why a row ended badly."""

    code: str
    message: str


class BatchItem(ApiModel):
    """A row, by its number from 0. Without a job it waits, or ended before it started."""

    number: int
    user_id: str
    job_code: str | None
    job_status_name: str
    charged: int
    error: ItemError | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    ended_at: datetime | None = None
