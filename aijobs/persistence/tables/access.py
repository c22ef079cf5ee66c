"""Whose this database is and which processes use it, who may come in, what they did, and what was answered to whom."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field, SQLModel

from aijobs.persistence.column_types import RowId, now, partial_index
from aijobs.persistence.tables.base import BaseFields


class InstallationRow(SQLModel, table=True):
    """The installation that the database belongs to: the only row. A copy of the database is of the same one."""

    __tablename__ = "installation"

    number: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    installation_id: str = Field(max_length=40)
    log_levels: str | None = Field(default=None, max_length=1000)  #: of all processes; None: as each was started
    repaired_at: datetime | None = None  #: when repair last ran to its end
    create_time: datetime = Field(default_factory=now)
    copied_at: datetime | None = None  #: the moment that the database is a restored copy of


class SchemaSupportRow(SQLModel, table=True):
    """The oldest revision whose code may use these tables: the only row. Migrations write it."""

    __tablename__ = "schema_support"

    number: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    oldest_code: str = Field(max_length=4)


class ApiKeyRow(BaseFields, table=True):
    """A caller's key; only a keyed hash of it is kept."""

    __tablename__ = "api_key"

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    key_id: str = Field(unique=True)
    sha256: str
    name: str
    kind: str
    user_id: str | None = None
    scopes: list[str] = Field(default_factory=list, sa_type=JSON)
    role: str | None = Field(default=None, max_length=20)  #: a role's key has no scopes of its own
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    replaces: str | None = Field(default=None, max_length=40)  #: the key that this one was made for at a rotation
    replaced_by: str | None = Field(default=None, max_length=40)
    lineage: str | None = Field(default=None, max_length=40)  #: the first key of its rotations


class BrowserSessionRow(SQLModel, table=True):
    """A browser that was let in by a key; only a keyed hash of what its cookie holds is kept."""

    __tablename__ = "browser_session"

    sha256: str = Field(primary_key=True, max_length=64)
    key_id: str
    user_id: str | None = Field(default=None, max_length=200)
    role: str | None = Field(default=None, max_length=20)  #: a person's, at their last request
    address: str | None = Field(default=None, max_length=64)
    browser: str | None = Field(default=None, max_length=300)
    create_time: datetime = Field(default_factory=now)
    used_at: datetime = Field(default_factory=now)
    expires_at: datetime = Field(index=True)


class AuditRow(SQLModel, table=True):
    """One act. Triggers of both databases refuse to change a row, and to delete one that is to be kept."""

    __tablename__ = "audit_log"

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    code: str = Field(unique=True, max_length=40)
    at: datetime = Field(default_factory=now, index=True)
    act: str = Field(index=True, max_length=40)
    target: str = Field(index=True, max_length=300)
    actor_kind: str = Field(max_length=20)
    actor: str = Field(index=True, max_length=200)
    key_id: str | None = Field(default=None, max_length=40)
    session: str | None = Field(default=None, max_length=40)
    user_id: str | None = Field(default=None, max_length=200)
    address: str | None = Field(default=None, max_length=100)
    request_id: str | None = Field(default=None, max_length=100)
    before: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    after: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


class AuditHorizonRow(SQLModel, table=True):
    """The oldest act that is to be kept, the only row: those before it may be deleted."""

    __tablename__ = "audit_horizon"

    number: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    kept_from: int = Field(sa_type=RowId)


class TaskIdRow(SQLModel, table=True):
    """A name that a front end follows a job by, besides the job's code."""

    __tablename__ = "track"

    task_id: str = Field(primary_key=True, max_length=64)
    user_id: str = Field(primary_key=True, max_length=200)
    job_code: str = Field(foreign_key="job.code", max_length=40)
    create_time: datetime = Field(default_factory=now)


class IdempotencyRow(SQLModel, table=True):
    """The first answer to a POST with an Idempotency-Key; no answer yet means that it is in flight."""

    __tablename__ = "idempotency_key"
    __table_args__ = (
        partial_index("ix_idempotency_key_unanswered", "create_time", where="answer IS NULL"),
        Index("ix_idempotency_key_owner_create_time", "owner", "create_time"),  # each claim looks for expired ones
    )

    owner: str = Field(primary_key=True)
    key: str = Field(primary_key=True, max_length=255)
    request_sha256: str  #: of the request as it was written
    meaning_sha256: str | None = None  #: of what it meant when it came
    answer: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    create_time: datetime = Field(default_factory=now)


class WebhookReceiptRow(SQLModel, table=True):
    """A provider's webhook that was taken, so that its repetition is not."""

    __tablename__ = "webhook_receipt"

    provider: str = Field(primary_key=True)
    delivery_id: str = Field(primary_key=True)
    create_time: datetime = Field(default_factory=now)


class ProcessRow(SQLModel, table=True):
    """An API or worker process. `seen_at` is the database's own clock, `clock` the process's, both in seconds of Unix.

    So processes are compared whose hosts' clocks differ.
    """

    __tablename__ = "process"

    id: str = Field(primary_key=True, max_length=40)
    role: str = Field(max_length=20)
    host: str = Field(max_length=255)
    pid: int
    version: str = Field(max_length=100)
    queues: list[Any] = Field(default_factory=list, sa_type=JSON)
    started_at: datetime = Field(default_factory=now)
    seen_at: float = Field(index=True)
    clock: float
    stopped: bool = False
    facts: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
