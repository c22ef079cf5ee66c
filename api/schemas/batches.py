"""Documents of batches. Clients rely on their shapes."""

from typing import Any

from pydantic import Field

from aijobs.domain.jobs.batches.batch import BatchProgress, BatchStatus, PauseReason, Reserve
from aijobs.domain.jobs.events import Moment
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.batches.queries import counts_by_name
from aijobs.persistence.tables import BatchItemRow, BatchRow
from api.schemas.jobs import Shape


class Batch(Shape):
    """A batch and how its items stand. Items that have no job yet count as DRAFT, and are `waiting`."""

    code: str = Field(examples=["batch_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])
    user_id: str | None = Field(description="null: each row names its own")
    model_id: str
    status: BatchStatus = Field(examples=[BatchStatus.RUNNING])
    pause_reason: PauseReason | None = Field(description="why it is PAUSED")
    total: int
    counts: dict[str, int] = Field(description="by `job_status_name`", examples=[{"DRAFT": 990, "PROCESSING": 5}])
    waiting: int = Field(description="rows that have no job yet")
    points: int = Field(description="of all rows")
    charged: int = Field(description="points that ended jobs have kept, held ones among them until they are given back")
    rate_per_minute: float | None = Field(description="rows that end in a minute, lately")
    estimated_end: Moment | None = Field(description="at this rate")
    concurrency: int
    reserve: Reserve
    start_at: Moment | None
    expires_at: Moment | None
    metadata: dict[str, str]
    create_time: Moment
    ended_at: Moment | None


class ItemError(Shape):
    """Why a row ended badly."""

    code: str
    message: str


class BatchItem(Shape):
    """A row. Without a `job_code` it waits, or ended before it started."""

    number: int = Field(description="of the row, from 0")
    user_id: str
    job_code: str | None
    job_status: int
    job_status_name: str
    job_status_desc: str
    charged: int
    error: ItemError | None
    metadata: dict[str, str]
    ended_at: Moment | None


def batch_response(batch: BatchRow, progress: BatchProgress) -> Batch:
    return Batch(
        code=batch.code,
        user_id=batch.user_id,
        model_id=batch.model_id,
        status=BatchStatus(batch.batch_status),
        pause_reason=PauseReason(batch.pause_reason) if batch.pause_reason else None,
        total=batch.total,
        counts=counts_by_name(progress.counts),
        waiting=progress.waiting,
        points=batch.total * batch.unit_points,
        charged=progress.charged,
        rate_per_minute=progress.rate_per_minute,
        estimated_end=progress.estimated_end,
        concurrency=batch.concurrency,
        reserve=Reserve(batch.reserve),
        start_at=batch.start_at,
        expires_at=batch.expires_at,
        metadata=batch.extra,
        create_time=batch.create_time,
        ended_at=batch.ended_at,
    )


def item_response(item: BatchItemRow, status: JobStatus, error: dict[str, Any] | None) -> BatchItem:
    """`error` is the job's own, where it has one."""
    shown = error or item.error
    return BatchItem(
        number=item.number,
        user_id=item.user_id,
        job_code=item.job_code,
        job_status=status,
        job_status_name=status.name,
        job_status_desc=status.zh,
        charged=item.charged,
        error=ItemError(code=shown["code"], message=shown["message"]) if shown and status.is_final else None,
        metadata=item.extra,
        ended_at=item.ended_at,
    )
