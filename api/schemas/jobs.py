"""Response documents. Clients rely on their shapes."""

from datetime import date
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.jobs.events import Moment
from aijobs.domain.jobs.generation_times import Estimate
from aijobs.domain.jobs.job import JobError
from aijobs.domain.jobs.outputs import OutputContent, OutputDetails, OutputKind
from aijobs.domain.jobs.record import JobProgress, JobRecord
from aijobs.domain.jobs.waiting import Waiting
from aijobs.domain.points import EntryKind
from aijobs.domain.provider_io import Capabilities
from aijobs.domain.values.media import MediaFacts
from aijobs.domain.values.money import Cost
from aijobs.domain.values.scopes import Scope

T = TypeVar("T")


class Shape(BaseModel):
    """A response document, immutable."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())


class Page(Shape, Generic[T]):
    """A page of a list. `next_cursor` is the `cursor` of the next page."""

    data: list[T]
    has_more: bool = False
    next_cursor: str | None = None


# Fields come in the order of the bases from right to left, then those of the class itself.


class LinkedOutput(OutputContent, Shape):
    """A result with a link to it."""

    url: str


class Output(OutputDetails, LinkedOutput):
    """One result. `url` is signed and expires; `width` and `height` are pixels."""

    media: MediaFacts | None = Field(
        default=None, exclude_if=lambda media: media is None, description="of a video or a sound that was looked into"
    )
    create_time: Moment


class NamedJob(JobRecord, Shape):
    """A job, with the names of its status."""

    job_status_name: str = Field(examples=["PROCESSING"])
    job_status_desc: str = Field(examples=["生成中"])


class Job(JobProgress, NamedJob):
    """A job as its owner sees it: the row's fields, the names of its status, and its outputs behind signed links."""

    metadata: dict[str, str]
    outputs: list[Output]
    error: JobError | None
    progress_estimated: bool = Field(
        default=False, description="the provider tells no progress: `unit_progress` is estimated from the last jobs"
    )
    estimate: Estimate | None = Field(
        default=None, description="while a provider works on it, and enough is known of such jobs"
    )
    waiting: Waiting | None = Field(default=None, description="what it waits for now")
    points: int = Field(description="the price that was reserved")
    charged: int | None = Field(
        default=None, description="what was kept of the points: null until the end and while they are held, 0 refunded"
    )
    cost: Cost | None = Field(default=None, description="at the vendor, in money; null where that is not known")
    origin: str | None = Field(default=None, description="the finished job that this one acts on")
    actions: list[str] = Field(
        default=[], description="what can be done with the result: `action` of a new job", examples=[["upsample1"]]
    )


class JobTotal(Shape):
    """How many jobs match. With `is_exact` false there are at least so many; more of a status are not counted."""

    count: int
    is_exact: bool


class JobList(Page[Job]):
    """A page of jobs. `total` where it was asked for, and an index can tell; else null."""

    total: JobTotal | None = None


class JobWithExchange(Job):
    """A job with the provider's request and response, without secrets."""

    req_json: dict[str, Any] | None
    resp_json: dict[str, Any] | None


class File(Shape):
    """An upload. A job's parameter names it by its `code`."""

    code: str = Field(examples=["file_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])
    name: str
    media_type: str
    size: int
    sha256: str
    width: int | None
    height: int | None


class Points(Shape):
    """A user's points of one day. `held` is the part of `used` that waits for an operator's decision.

    `alerted` is the last percent of the limit whose spending was told: 50, 80, 100, or 0.
    """

    user_id: str
    day: date
    limit: int
    used: int
    held: int
    remaining: int
    alerted: int = 0


class Entry(Shape):
    """One line of the points ledger."""

    job_code: str
    user_id: str
    day: date
    kind: EntryKind
    points: int
    create_time: Moment


class CatalogueEntry(Shape):
    """A model of the catalogue. Without its provider's key, `parameters` and `capabilities` are null."""

    model_id: str
    model_code: str
    model_name: str
    model_name_in: dict[str, str] = Field(description="`model_name` in each language: `en`, `zh`")
    model: str
    model_version: str
    model_desc: str
    model_desc_in: dict[str, str] = Field(description="`model_desc` in each language: `en`, `zh`")
    platform: str
    channel: str
    asyn: bool
    type: str
    unit_point: int
    max_output_count: int
    output_kind: OutputKind
    unit_progress: list[str] = Field(description="names of the statuses that can show a unit progress")
    deadlines: dict[str, float] = Field(description="seconds")
    poll: dict[str, float] = Field(description="waiting times in seconds, and how they grow")
    learning: dict[str, Any] = Field(
        description="how polls are timed by what the last jobs took: `enabled`, `min` seconds between two, how many "
        "`questions` a job has on average, and the parameters whose values make `classes` of jobs"
    )
    sunset: date | None = Field(description="from this day on (UTC) no new job is taken")
    use_instead: str | None = Field(description="the model that takes over after the sunset")
    source: str | None = Field(description="where it was added from; null for a model of the catalogue's files")
    configured: bool
    parameters: dict[str, Any] | None = Field(
        description="JSON Schema of a job's `params`; `x-in` has each one's label and description in each language"
    )
    capabilities: Capabilities | None


class StatusEntry(Shape):
    """One status of a job, with its names."""

    code: int
    name: str
    zh: str
    en: str
    overall: float = Field(description="percent of the whole life, on entering it")


class Dictionaries(Shape):
    """For front ends that show jobs: the statuses, and each model's description by its `model_id`."""

    statuses: list[StatusEntry]
    models: dict[str, str]


class Token(Shape):
    """A token for one end user's browser."""

    token: str
    user_id: str
    scopes: list[Scope]
    expires_at: Moment


class Health(Shape):
    """Whether the API is up."""

    status: str


class Received(Shape):
    """A provider's webhook was received."""

    received: bool
