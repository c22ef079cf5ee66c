"""Jobs, their history, what was sent for them, and what came of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Enum, Index, SmallInteger, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel

from aijobs.domain.jobs.outputs import OutputContent, OutputDetails, OutputKind
from aijobs.domain.jobs.record import JobProgress, JobRecord
from aijobs.domain.jobs.slots.fair_queue import DEFAULT_PRIORITY
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.column_types import Code, RowId, StatusColumn, now, only_on, partial_index
from aijobs.persistence.tables.base import BaseFields


class OrderDetails(SQLModel):
    """What belongs to an order besides: a rerun takes it over too."""

    extra: dict[str, str] = Field(default_factory=dict, sa_type=JSON, sa_column_kwargs={"name": "metadata"})
    callback_url: str | None = None
    params: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    origin: str | None = Field(default=None, max_length=40)  #: the finished job that this one acts on


class JobRow(OrderDetails, JobProgress, JobRecord, BaseFields, table=True):
    """A job, and how it is stored. `job_status`, the progress and `event_seq` are written by the gate alone.

    Each list is read from an index that begins with its filters and ends with `id`: see `jobs_page`.
    """

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_user_id_id", "user_id", "id"),
        Index("ix_job_job_status_del_id", "job_status", "del", "id"),
        Index("ix_job_model_id_job_status_del_id", "model_id", "job_status", "del", "id"),
        Index("ix_job_user_id_job_status_del_id", "user_id", "job_status", "del", "id"),
        Index("ix_job_user_id_model_id_job_status_del_id", "user_id", "model_id", "job_status", "del", "id"),
        partial_index("ix_job_origin_known", "origin", where="origin IS NOT NULL"),
        partial_index("ix_job_deleted", "deleted_at", where="deleted_at IS NOT NULL"),
        partial_index("ix_job_expires", "expires_at", where="expires_at IS NOT NULL AND job_status = 0"),
        partial_index("ix_job_rerun_of_known", "rerun_of", where="rerun_of IS NOT NULL"),
        partial_index(
            "ix_job_photo_review_known", "photo_review_analysis_code", where="photo_review_analysis_code IS NOT NULL"
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    code: str = Field(unique=True, sa_type=Code)
    user_id: str = Field(max_length=200)
    job_status: JobStatus = Field(default=JobStatus.DRAFT, sa_type=StatusColumn)
    overall_progress: float = 0.0
    needs_review: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    priority: int = Field(
        default=DEFAULT_PRIORITY, sa_type=SmallInteger, sa_column_kwargs={"server_default": text(str(DEFAULT_PRIORITY))}
    )
    has_slot: bool = Field(default=False, sa_column_kwargs={"server_default": false()})  #: or waits for one
    event_seq: int = 0
    points: int = Field(sa_type=RowId)
    cost_nanos: int | None = Field(default=None, sa_type=RowId)  #: at the vendor, in billionths of the currency
    cost_currency: str | None = Field(default=None, max_length=3)
    cost_source: str | None = Field(default=None, max_length=10)
    error: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    waiting: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    req_json: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    resp_json: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    generated_at: datetime | None = None  #: when the provider had the results, perhaps after the job's own end
    rerun_of: str | None = Field(default=None, max_length=40)
    rerun_from: str | None = None  #: "start" or "migration"
    batch_code: str | None = Field(default=None, max_length=40)  #: of the batch whose item it is
    deleted_at: datetime | None = None  #: by its owner; empty again once it is erased
    let_go: int = Field(default=0, sa_type=SmallInteger, sa_column_kwargs={"server_default": text("0")})  #: LetGo
    traceparent: str | None = Field(default=None, max_length=55)  #: where its trace goes on, as W3C has it

    @property
    def begins_at(self) -> datetime:
        """From here its deadlines count."""
        return self.start_at or self.create_time

    def is_expired(self, at: datetime) -> bool:
        """Whether it should have started before."""
        return self.job_status is JobStatus.DRAFT and self.expires_at is not None and at >= self.expires_at


class JobEventRow(SQLModel, table=True):
    """One line of a job's history, numbered per job without gaps. Never changed; deleted by retention alone.

    `position` orders the events of all jobs by their commits. PostgreSQL gives it while a transaction commits (revision
    0008); on SQLite, which has one writer, `id` is that order, and `position` stays empty.
    """

    __tablename__ = "job_event"
    __table_args__ = (
        UniqueConstraint("job_code", "seq"),
        only_on("sqlite", Index("ix_job_event_user_id", "user_id", "id")),
        only_on("postgresql", Index("ix_job_event_user_id_position", "user_id", "position")),
        only_on("postgresql", Index("ix_job_event_position", "position", unique=True)),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    position: int | None = Field(default=None, sa_type=RowId)
    job_code: str = Field(foreign_key="job.code", max_length=40)
    user_id: str = Field(max_length=200)
    seq: int
    at: datetime = Field(default_factory=now)
    kind: str
    job_status: JobStatus = Field(sa_type=StatusColumn)
    unit_progress: float | None
    overall_progress: float
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


class JobStartRow(SQLModel, table=True):
    """A job that was accepted and whose workflow is not known to be started. A worker does it at `look_at`."""

    __tablename__ = "job_start"

    job_code: str = Field(primary_key=True, foreign_key="job.code", max_length=40)
    look_at: datetime = Field(index=True)


class SubmissionRow(SQLModel, table=True):
    """One attempt to hand a job to its provider: an intent, at most one send, an outcome."""

    __tablename__ = "submission"
    __table_args__ = (
        UniqueConstraint("job_code", "number"),
        Index("ix_submission_provider_intent_at", "provider", "intent_at"),
        partial_index("ix_submission_unknown", "job_code", where="outcome = 'unknown'"),
        partial_index("ix_submission_rejected", "job_code", where="outcome = 'rejected'"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    job_code: str = Field(foreign_key="job.code", max_length=40)
    number: int
    provider: str
    credential: str | None = Field(default=None, max_length=100)  #: where it is not the first of the job's own provider
    fallback: str | None = Field(default=None, max_length=100)  #: the model, where it is not the job's own
    token: str = Field(unique=True)
    request: dict[str, Any] = Field(sa_type=JSON)
    request_sha256: str
    intent_at: datetime = Field(default_factory=now)
    outcome: str | None = None
    outcome_at: datetime | None = None
    ref: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    ref_id: str | None = Field(default=None, index=True)
    cause: str | None = None


class VendorReportRow(SQLModel, table=True):
    """What a vendor that cannot be asked about a job has told of it, by a webhook: the last, or the final one."""

    __tablename__ = "vendor_report"

    submission_id: int = Field(primary_key=True, foreign_key="submission.id", sa_type=RowId)
    job_code: str = Field(foreign_key="job.code", max_length=40)
    content: dict[str, Any] = Field(sa_type=JSON)
    final: bool
    received_at: datetime = Field(default_factory=now, index=True)


class OutputRow(OutputDetails, OutputContent, BaseFields, table=True):
    """One result in our own store."""

    __tablename__ = "output"
    __table_args__ = (UniqueConstraint("job_code", "index"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    job_code: str = Field(foreign_key="job.code", max_length=40)
    size: int = Field(sa_type=RowId)
    key: str
    media: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))  # type: ignore


# A text: to add a kind to an enumeration of PostgreSQL's own takes a migration.
OutputRow.__table__.c.kind.type = Enum(OutputKind, native_enum=False)  # type: ignore[attr-defined]


class FileRow(BaseFields, table=True):
    """A caller's upload. `is_tracked`: all jobs that name it are known (file_use); older ones are not."""

    __tablename__ = "file"
    __table_args__ = (partial_index("ix_file_deleted", "deleted_at", where="deleted_at IS NOT NULL"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    code: str = Field(unique=True, max_length=40)
    user_id: str = Field(index=True, max_length=200)
    name: str
    media_type: str
    size: int = Field(sa_type=RowId)
    sha256: str
    key: str
    width: int | None
    height: int | None
    deleted_at: datetime | None = None
    is_tracked: bool = Field(default=True, sa_column_kwargs={"server_default": false()})


class WriteIntentRow(SQLModel, table=True):
    """An object that is on its way into the store, or that a dead process has left there."""

    __tablename__ = "write_intent"

    key: str = Field(primary_key=True)
    job_code: str | None = Field(default=None, max_length=40, index=True)
    create_time: datetime = Field(default_factory=now)


class GenerationTimesRow(SQLModel, table=True):
    """How long the generations of a model took, or those of one class of its jobs, as GenerationTimes has it."""

    __tablename__ = "generation_times"

    model_id: str = Field(primary_key=True, max_length=100)
    parameter_class: str = Field(primary_key=True, max_length=100)
    times: dict[str, Any] = Field(sa_type=JSON)
    update_time: datetime = Field(default_factory=now)
