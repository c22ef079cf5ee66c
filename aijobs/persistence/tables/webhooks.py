"""Webhooks to our callers: who wants to hear, and what is on its way to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field, SQLModel

from aijobs.persistence.column_types import RowId, now, partial_index
from aijobs.persistence.tables.base import BaseFields


class WebhookEndpointRow(BaseFields, table=True):
    """A receiver, for the jobs of one user, or of all where none is named. Its secrets are derived, and not kept."""

    __tablename__ = "webhook_endpoint"

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    code: str = Field(unique=True, max_length=40)
    user_id: str | None = Field(default=None, index=True, max_length=200)
    url: str
    events: list[str] = Field(default_factory=list, sa_type=JSON)
    enabled: bool = True
    disabled_reason: str | None = None
    disabled_at: datetime | None = None
    failing_since: datetime | None = None  #: the first failed try since the last one that was taken
    secret_version: int = 1
    rotated_at: datetime | None = None


class WebhookSecretRow(SQLModel, table=True):
    """How often the secret of a user's callbacks was rotated, where it was."""

    __tablename__ = "webhook_secret"

    user_id: str = Field(primary_key=True, max_length=200)
    version: int = 1
    rotated_at: datetime | None = None


class WebhookDeliveryRow(SQLModel, table=True):
    """One message to one receiver, written in the transaction of the event that it tells of.

    Without an endpoint it goes to the job's own `callback_url`; without a job it tells its `payload`, or is a test.
    `user_id` is whose it is; nobody's in particular means that it goes to an endpoint for all users. `look_at` is when
    its workflow is to be started, or looked after; a delivery that has ended has none.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        Index("ix_webhook_delivery_state_id", "state", "id"),
        Index("ix_webhook_delivery_user_id_state_id", "user_id", "state", "id"),
        Index("ix_webhook_delivery_endpoint_code_state_id", "endpoint_code", "state", "id"),
        Index("ix_webhook_delivery_job_code_id", "job_code", "id"),
        partial_index("ix_webhook_delivery_replay_of", "replay_of", where="replay_of IS NOT NULL"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    code: str = Field(unique=True, max_length=40)
    message_id: str = Field(max_length=40)
    endpoint_code: str | None = Field(default=None, foreign_key="webhook_endpoint.code", max_length=40)
    user_id: str | None = Field(default=None, max_length=200)
    url: str
    topic: str
    job_code: str | None = Field(default=None, foreign_key="job.code", max_length=40)
    seq: int | None = None
    payload: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    state: str
    tries: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    next_try_at: datetime | None = Field(default_factory=now)
    look_at: datetime | None = Field(default_factory=now, index=True)
    ended_at: datetime | None = None
    replay_of: str | None = Field(default=None, max_length=40)
    create_time: datetime = Field(default_factory=now)
