"""The settings of webhooks to callers."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, field_validator
from pydantic_settings import NoDecode

from aijobs.adapters.network.host_patterns import HostList, HostPort, listed
from aijobs.domain.values.durations import Duration
from aijobs.domain.webhooks import STANDARD_PAUSES, RetrySchedule


class WebhookSettings(BaseModel):
    """Which hosts webhooks may be sent to, and the retry schedule."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: hosts that may be called over plain http and at private addresses: `host` (ports 80 and 443) or `host:port`
    allow_hosts: HostList = ()
    #: after each failed attempt, e.g. `5s,5m,30m`; there is one more attempt than pauses
    pauses: Annotated[tuple[Duration, ...], NoDecode, BeforeValidator(listed)] = STANDARD_PAUSES
    timeout: Duration = timedelta(seconds=15)
    disable_after: Duration = timedelta(days=5)  #: without a single delivered message

    @field_validator("timeout")
    @classmethod
    def _timeout_fits_a_step(cls, timeout: timedelta) -> timedelta:
        if not timedelta(0) < timeout <= timedelta(minutes=1):
            raise ValueError("must be longer than nothing, and at most 1m")
        return timeout

    @property
    def trusted(self) -> list[HostPort]:
        return [HostPort.parse(entry) for entry in self.allow_hosts]

    @property
    def retry_schedule(self) -> RetrySchedule:
        return RetrySchedule(pauses=self.pauses)
