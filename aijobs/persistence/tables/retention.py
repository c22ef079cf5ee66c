"""What is kept and let go: which job uses which upload, what is held, who is erased, and each user's own lifetimes."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from aijobs.persistence.column_types import RowId, now, partial_index


class FileUseRow(SQLModel, table=True):
    """A job names an upload in its parameters."""

    __tablename__ = "file_use"

    file_code: str = Field(primary_key=True, max_length=40)
    job_code: str = Field(primary_key=True, max_length=40, index=True)


class LegalHoldRow(SQLModel, table=True):
    """Nothing of a user, or of a job, is erased until the hold is ended. Never deleted.

    `name` is the user's id, or the job's code.
    """

    __tablename__ = "legal_hold"
    __table_args__ = (partial_index("ix_legal_hold_running", "kind", "name", where="ended_at IS NULL"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    code: str = Field(unique=True, max_length=40)
    kind: str = Field(max_length=20)
    name: str = Field(max_length=200)
    reason: str
    create_by: str
    create_time: datetime = Field(default_factory=now)
    ended_by: str | None = None
    ended_at: datetime | None = None


class ErasureRow(SQLModel, table=True):
    """The erasure of a user. `user_id` is empty once it has ended; `pseudonym` is what stands in its place since then.

    `waits_for`: why it could not go on when it was last tried. `counts`: what was erased so far, by kind.
    """

    __tablename__ = "erasure"
    __table_args__ = (partial_index("ix_erasure_unfinished", "user_id", where="ended_at IS NULL"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    code: str = Field(unique=True, max_length=40)
    user_id: str | None = Field(default=None, max_length=200)
    pseudonym: str = Field(max_length=40)
    create_by: str
    create_time: datetime = Field(default_factory=now)
    waits_for: str | None = Field(default=None, max_length=40)
    counts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    ended_at: datetime | None = None


class RetentionRuleRow(SQLModel, table=True):
    """A user's own lifetimes, where they differ from everybody's: seconds by what is kept; null is for ever."""

    __tablename__ = "retention_rule"

    user_id: str = Field(primary_key=True, max_length=200)
    lifetimes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    update_by: str
    update_time: datetime = Field(default_factory=now)


class RetentionPositionRow(SQLModel, table=True):
    """How far a walk along a table has come. `begun_at`: when the walk began."""

    __tablename__ = "retention_position"

    name: str = Field(primary_key=True, max_length=40)
    position: int = Field(default=0, sa_type=RowId)
    begun_at: datetime = Field(default_factory=now)
    ended_at: datetime | None = None
