"""A batch: what is asked for, what its workflow needs to know, and how it stands.

RUNNING ⇄ PAUSED, and each of both ─► DONE | CANCELED. A batch whose failed items are to run again is RUNNING again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from aijobs.domain.errors import FieldError
from aijobs.domain.jobs.job import MAX_METADATA_KEYS, JobBrief, MetadataKey, MetadataValue
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.timestamps import Timestamp

MAX_ROWS: Final = 100_000
MAX_CONCURRENCY: Final = 1000
DEFAULT_CONCURRENCY: Final = 5

RATE_WINDOW: Final = timedelta(minutes=10)
"""The rate is that of the items that ended within this time."""


class BatchStatus(StrEnum):
    """How a batch stands. The state of each item is its job's."""

    LOADING = "LOADING"  #: its items are being written; nobody sees it yet
    RUNNING = "RUNNING"  #: items are started as others end; also before `start_at`
    PAUSED = "PAUSED"  #: nothing is started; what runs goes on
    DONE = "DONE"  #: every item has ended
    CANCELED = "CANCELED"  #: nothing more is started, and what ran was asked to cancel


class Reserve(StrEnum):
    """When the points of a batch are reserved."""

    WHOLE = "whole"  #: all of them, before anything starts: it cannot run out of points
    BY_ROW = "by_row"  #: an item's, when it starts: a batch that runs out of points pauses


class PauseReason(StrEnum):
    """Why a batch pauses."""

    OWNER = "owner"
    POINTS = "points_exhausted"  #: an item could not be paid for
    MODEL = "model_unavailable"  #: the model is not in the catalogue any more
    OLDER_COPY = "older_copy"  #: the database was restored, and may have forgotten jobs of it
    PROVIDER = "provider_blocked"  #: the account at the provider must be mended first: without credit, every item fails


class BatchRequest(BaseModel):
    """What a batch's items have in common: everything in the body of `POST /api/batches` but its `rows`."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model_id: str = Field(max_length=100, examples=["replicate_imageupscale_v1"])
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="Of every row; a row's own come over them. With a CSV, `{{column}}` stands for a cell of the row.",
        examples=[{"upscale_factor": 4}],
    )
    output_count: int = Field(default=1, ge=1, strict=True)
    metadata: dict[MetadataKey, MetadataValue] = Field(default_factory=dict, max_length=MAX_METADATA_KEYS)
    concurrency: int = Field(
        default=DEFAULT_CONCURRENCY, ge=1, le=MAX_CONCURRENCY, strict=True, description="Jobs at the same time."
    )
    reserve: Reserve = Field(
        default=Reserve.WHOLE, description="`whole`: all points now; `by_row`: each row's when it starts."
    )
    start_at: Timestamp | None = Field(default=None, description="Nothing starts before.")
    expires_at: Timestamp | None = Field(default=None, description="What has not started by then is canceled.")
    callback_url: str | None = Field(default=None, max_length=2000, description="Gets one webhook, at the end.")
    item_callback_url: str | None = Field(default=None, max_length=2000, description="Gets a webhook for each job.")
    user_id: str | StrictInt | None = Field(default=None, description="With a service key: whose rows these are.")


class BatchItemRequest(BaseModel):
    """A row: what is its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    params: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[MetadataKey, MetadataValue] = Field(default_factory=dict, max_length=MAX_METADATA_KEYS)
    user_id: str | StrictInt | None = None


@dataclass(frozen=True)
class SentItem:
    """A row as it was sent, or what is wrong with it: pointers into the row.

    `texts` are the parameters whose values are a CSV's cells: texts, also where a number is meant.
    """

    request: BatchItemRequest | None = None
    problems: Sequence[FieldError] = ()
    texts: frozenset[str] = frozenset()


class BatchBrief(BaseModel):
    """The input of a batch's workflow. Everything else is in the database."""

    model_config = ConfigDict(frozen=True)

    code: str


class BatchPhase(StrEnum):
    """What a batch's workflow has to do next."""

    FEEDING = "feeding"  #: look again soon
    RESTING = "resting"  #: look again after a while, or when it is woken
    OVER = "over"


class BatchLook(BaseModel):
    """What an activity tells the workflow of a batch: look again after so long, unless it is over."""

    model_config = ConfigDict(frozen=True)

    phase: BatchPhase
    look_after: timedelta = timedelta()


@dataclass(frozen=True, kw_only=True)
class BatchStep:
    """What one step has done: jobs that it accepted, which are to be started, and jobs that are to be canceled."""

    look: BatchLook
    accepted: Sequence[JobBrief] = ()
    to_cancel: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class BatchProgress:
    """How a batch's items stand. `counts` adds up to `total`; items without a job count as DRAFT, `waiting` of them."""

    total: int
    counts: Mapping[JobStatus, int]
    waiting: int
    charged: int
    rate_per_minute: float | None
    estimated_end: datetime | None

    @property
    def ended(self) -> int:
        return sum(count for status, count in self.counts.items() if status.is_final)
