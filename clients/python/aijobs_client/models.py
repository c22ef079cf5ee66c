"""What the API answers with. Fields that a newer API adds are ignored, and so are new words of its lists of words."""

from datetime import date, datetime
from enum import IntEnum
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

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


class Shape(BaseModel):
    """An answer of the API; fields that are newer than this client are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Page(Shape, Generic[T]):
    """A part of a list: `next_cursor` goes into the next request's `cursor`."""

    data: list[T]
    has_more: bool = False
    next_cursor: str | None = None


class Output(Shape):
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
    create_time: datetime
    job_code: str = ""  #: whose output it is: written here when the job is read


class JobError(Shape):
    """Why a job ended badly. `code` is for programs, `message` for people."""

    code: str
    message: str
    stage: str


class Job(Shape):
    """A job as it stood when it was asked for. `cost_time` in seconds, progress in percent."""

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
    req_time: datetime | None = None
    resp_time: datetime | None = None
    cost_time: float | None = None
    out_id: str | None = None
    job_status: int
    job_status_name: str
    job_status_desc: str
    unit_progress: float | None = None
    overall_progress: float
    photo_review_analysis_code: str | None = None
    metadata: dict[str, str] = {}
    outputs: tuple[Output, ...] = ()
    error: JobError | None = None
    origin: str | None = None
    actions: tuple[str, ...] = ()
    req_json: dict[str, Any] | None = None  #: only where the exchange was asked for, as `resp_json`
    resp_json: dict[str, Any] | None = None

    @property
    def is_final(self) -> bool:
        return self.job_status in FINAL

    @property
    def succeeded(self) -> bool:
        return self.job_status == JobStatus.SUCCESS

    @model_validator(mode="before")
    @classmethod
    def _outputs_say_whose_they_are(cls, document: Any) -> Any:
        if not isinstance(document, dict) or not isinstance(document.get("outputs"), list):
            return document
        outputs = [{**output, "job_code": document.get("code")} for output in document["outputs"]]
        return {**document, "outputs": outputs}


class JobEvent(Shape):
    """One line of a job's history. `seq` counts 1, 2, 3 … within the job; `kind` is status, progress or note."""

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
        """Nothing follows."""
        return self.kind == "status" and self.job_status in FINAL


class File(Shape):
    """An uploaded input. A job's parameter names it by its `code`."""

    code: str
    name: str
    media_type: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None


class Points(Shape):
    """A user's points of one UTC day. `held` is the part of `used` that waits for a decision."""

    user_id: str
    day: date
    limit: int
    used: int
    held: int
    remaining: int


class Model(Shape):
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
