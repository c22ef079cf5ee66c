"""Batches, and their items: the rows that were sent, each of which becomes a job."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field, SQLModel

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.column_types import Code, RowId, StatusColumn, partial_index
from aijobs.persistence.tables.base import BaseFields


class BatchRow(BaseFields, table=True):
    """A batch. `user_id` is nobody's in particular where each item names its own.

    `running_since` is when it was started or resumed; `ended_at` when its last item had ended.
    """

    __tablename__ = "batch"
    __table_args__ = (
        Index("ix_batch_user_id_id", "user_id", "id"),
        partial_index("ix_batch_unfinished", "code", where="ended_at IS NULL"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    code: str = Field(unique=True, sa_type=Code)
    user_id: str | None = Field(default=None, max_length=200)
    model_id: str = Field(max_length=100)
    batch_status: str = Field(max_length=20)
    pause_reason: str | None = Field(default=None, max_length=40)
    total: int = 0
    output_count: int = 1
    unit_points: int = Field(default=0, sa_type=RowId)  #: of one item
    charged_before: int = Field(default=0, sa_type=RowId)  #: by jobs of items that were run again
    concurrency: int
    reserve: str = Field(max_length=20)
    start_at: datetime | None = None
    expires_at: datetime | None = None
    callback_url: str | None = None
    item_callback_url: str | None = None
    extra: dict[str, str] = Field(default_factory=dict, sa_type=JSON, sa_column_kwargs={"name": "metadata"})
    running_since: datetime | None = None
    ended_at: datetime | None = None


class BatchItemRow(SQLModel, table=True):
    """One row of a batch, numbered from 0. Without a status it waits; DRAFT stands for a job that has not ended.

    `charged` is what the job's end has kept of its points, held ones among them until they are given back. `error` is
    why an item ended without a job.
    """

    __tablename__ = "batch_item"
    __table_args__ = (
        Index("ix_batch_item_counted", "batch_id", "job_status", "charged", "number"),
        Index("ix_batch_item_ended", "batch_id", "ended_at"),
        partial_index("ix_batch_item_job_known", "job_code", where="job_code IS NOT NULL"),
    )

    batch_id: int = Field(primary_key=True, foreign_key="batch.id", sa_type=RowId)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    user_id: str = Field(max_length=200)
    params: dict[str, Any] = Field(sa_type=JSON)
    extra: dict[str, str] = Field(default_factory=dict, sa_type=JSON, sa_column_kwargs={"name": "metadata"})
    job_code: str | None = Field(default=None, max_length=40)
    job_status: JobStatus | None = Field(default=None, sa_type=StatusColumn)
    charged: int = Field(default=0, sa_type=RowId)
    error: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    ended_at: datetime | None = None


class BatchPointsRow(SQLModel, table=True):
    """What a batch still has reserved of a user's day, for items without a job. Counts as used on that day."""

    __tablename__ = "batch_points"

    batch_id: int = Field(primary_key=True, foreign_key="batch.id", sa_type=RowId)
    user_id: str = Field(primary_key=True, max_length=200)
    day: date = Field(primary_key=True)
    points: int = Field(sa_type=RowId)
