"""The settings of downloads."""

from datetime import timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, PositiveInt, field_validator

from aijobs.adapters.network.host_patterns import HostList, HostPort
from aijobs.domain.values.durations import Duration

GIB: Final = 1024**3


class DownloadSettings(BaseModel):
    """From which hosts outputs may come, and how long and how large a download may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: hosts with private addresses that outputs may come from: `host` (ports 80 and 443) or `host:port`
    allow_hosts: HostList = ()
    max_bytes: PositiveInt = 2 * GIB
    idle_timeout: Duration = timedelta(seconds=30)  #: without a single byte
    total_deadline: Duration = timedelta(minutes=30)
    min_speed: PositiveInt = 1024  #: bytes a second on average, once `min_speed_after` was spent waiting
    min_speed_after: Duration = timedelta(seconds=60)

    @property
    def trusted(self) -> list[HostPort]:
        return [HostPort.parse(entry) for entry in self.allow_hosts]

    @field_validator("idle_timeout", "total_deadline", "min_speed_after")
    @classmethod
    def _is_positive(cls, duration: timedelta) -> timedelta:
        if duration <= timedelta(0):
            raise ValueError("must be longer than nothing")
        return duration
