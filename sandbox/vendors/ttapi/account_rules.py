"""Limits of a TTAPI account: quota and queue."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field


class AccountRules(BaseModel):
    """The limits of every account; the defaults hold when a sandbox configures none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quota: int = Field(default=100_000, ge=0)
    max_queue: int = Field(default=10, ge=1)
    link_ttl: timedelta = timedelta(days=30)
