"""What operators have paused, and the jobs that are held back by it."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from aijobs.persistence.column_types import RowId, now, partial_index


class PauseRow(SQLModel, table=True):
    """A pause: who began it, and who has ended it. Never deleted."""

    __tablename__ = "pause"
    __table_args__ = (partial_index("ix_pause_running", "kind", "name", where="ended_at IS NULL"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    code: str = Field(unique=True, max_length=40)
    kind: str = Field(max_length=20)
    name: str = Field(max_length=200)
    reason: str
    create_by: str
    create_time: datetime = Field(default_factory=now)
    ended_by: str | None = None
    ended_at: datetime | None = None


class HeldJobRow(SQLModel, table=True):
    """A job that was not sent because of a pause, and is to be told when that ends."""

    __tablename__ = "held_job"

    job_code: str = Field(primary_key=True, max_length=40)
    pause_code: str = Field(index=True, max_length=40)
