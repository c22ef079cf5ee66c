"""The points ledger."""

from datetime import date, datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from aijobs.persistence.column_types import RowId, now, partial_index


class PointsDayRow(SQLModel, table=True):
    """A user's points of one day: used = reserved minus refunded; held is the part that waits for a decision.

    `daily_limit` is the one that held when points were last taken; unknown in rows of before it was kept. `alerted` is
    the last percent of the day whose spending was told.
    """

    __tablename__ = "points_day"
    __table_args__ = (
        Index("ix_points_day_day_used_user_id", "day", "used", "user_id"),
        partial_index("ix_points_day_held", "user_id", "day", where="held > 0"),
    )

    user_id: str = Field(primary_key=True, max_length=200)
    day: date = Field(primary_key=True)
    used: int = Field(default=0, sa_type=RowId)
    held: int = Field(default=0, sa_type=RowId)
    daily_limit: int | None = Field(default=None, sa_type=RowId)
    alerted: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})


class PointsEntryRow(SQLModel, table=True):
    """One line of the points ledger."""

    __tablename__ = "points_entry"
    __table_args__ = (
        UniqueConstraint("job_code", "kind"),
        Index("ix_points_entry_user_id_id", "user_id", "id"),
        partial_index("ix_points_entry_hold", "user_id", "day", where="kind = 'hold'"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    job_code: str = Field(foreign_key="job.code", max_length=40)
    user_id: str = Field(max_length=200)
    day: date
    kind: str
    points: int = Field(sa_type=RowId)
    create_time: datetime = Field(default_factory=now)


class PointsLimitRow(SQLModel, table=True):
    """A user's own daily limit, where it differs from everybody's."""

    __tablename__ = "points_limit"

    user_id: str = Field(primary_key=True, max_length=200)
    daily_limit: int = Field(sa_type=RowId)
