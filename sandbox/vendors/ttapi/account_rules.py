"""What a key of TTAPI may spend and keep busy."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field


class AccountRules(BaseModel):
    """As a sandbox is configured; one without any has these."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quota: int = Field(default=100_000, ge=0)
    max_queue: int = Field(default=10, ge=1)
    link_ttl: timedelta = timedelta(days=30)
