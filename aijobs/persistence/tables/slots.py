"""Jobs in flight at vendors and jobs that wait to be, and how the line of each credential stands."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import JSON, Float, Index, SmallInteger, Table
from sqlmodel import Field, SQLModel

from aijobs.persistence.column_types import partial_index


class SlotState(StrEnum):
    """Of a job in a line."""

    WAITING = "waiting"
    GRANTED = "granted"  #: it may be sent, and its next attempt does so
    HELD = "held"  #: its vendor is at work, or may be


class SlotRow(SQLModel, table=True):
    """A job in the line of a credential: it waits, has been granted a slot, or holds one.

    `lease_until`: a grant that is not used by then goes to another job; a slot that is held for a job which has ended
    while its vendor may still be at work is free then. Otherwise empty. `nudged_at`: when its workflow was last told of
    the grant.
    """

    __tablename__ = "slot"
    __table_args__ = (
        Index(
            "ix_slot_credential_state_user_id_model_id_rank_at", "credential", "state", "user_id", "model_id", "rank_at"
        ),
        partial_index("ix_slot_lease", "lease_until", where="lease_until IS NOT NULL"),
    )

    job_code: str = Field(primary_key=True, foreign_key="job.code", max_length=40)
    credential: str = Field(max_length=100)
    model_id: str = Field(max_length=100)
    user_id: str = Field(max_length=200)
    state: str = Field(max_length=10)  #: a SlotState
    priority: int = Field(sa_type=SmallInteger)
    rank_at: datetime
    since: datetime
    lease_until: datetime | None = None
    nudged_at: datetime | None = None


SLOTS: Final[Table] = SlotRow.__table__  # type: ignore[attr-defined]


class VendorLineRow(SQLModel, table=True):
    """How the line of one credential stands. Written by whoever holds the lock of all lines.

    `rates` are the buckets of its rates, by their names. After a refusal nothing is sent until `blocked_until`, and
    then one job, the `probe`, until it is answered (`is_probing`). `pace`: seconds between two starts of jobs that
    waited.
    """

    __tablename__ = "vendor_line"

    credential: str = Field(primary_key=True, max_length=100)
    virtual_time: float = Field(default=0.0, sa_type=Float)
    rates: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    blocked_at: datetime | None = None
    blocked_until: datetime | None = None
    is_probing: bool = False
    probe: str | None = Field(default=None, max_length=40)
    pace: float | None = Field(default=None, sa_type=Float)
    last_start: datetime | None = None


class UserTurnRow(SQLModel, table=True):
    """The next turn of a user in the line of a credential, in virtual time."""

    __tablename__ = "user_turn"

    credential: str = Field(primary_key=True, max_length=100)
    user_id: str = Field(primary_key=True, max_length=200)
    turn: float = Field(sa_type=Float)


class UserShareRow(SQLModel, table=True):
    """A user's own weight, and how many jobs of theirs may be in flight, where they differ from everybody's."""

    __tablename__ = "user_share"

    user_id: str = Field(primary_key=True, max_length=200)
    weight: float = Field(sa_type=Float)
    in_flight: int | None = None
