"""How much may be at a vendor at the same time, and how often something may be sent: what an operator sets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

MINUTE: Final = timedelta(minutes=1)
SECOND: Final = timedelta(seconds=1)

BURST_PART: Final = 10
"""A tenth of what a rate allows may be sent at once; the rest comes evenly, so that no minute has more than allowed."""


class ModelLimits(BaseModel):
    """Of one model: jobs that its vendor works on, for everybody and for each user, and submits in a minute."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_flight: int | None = Field(default=None, ge=1)
    user_in_flight: int | None = Field(default=None, ge=1)
    per_minute: int | None = Field(default=None, ge=1)


class CredentialLimits(BaseModel):
    """Of one account at a vendor: jobs that it works on, and submits in a minute and in a second."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_flight: int | None = Field(default=None, ge=1)
    per_minute: int | None = Field(default=None, ge=1)
    per_second: int | None = Field(default=None, ge=1)


class LimitsSettings(BaseModel):
    """By the name of the credential (a provider's), and for each user, whatever the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    credentials: Mapping[str, CredentialLimits] = {}
    user_in_flight: int | None = Field(default=None, ge=1)  #: jobs of one user at all vendors
    user_model_in_flight: int | None = Field(default=None, ge=1)  #: ... of one model, where it says nothing itself

    def of_credential(self, credential: str) -> CredentialLimits:
        return self.credentials.get(credential, NO_LIMITS)

    def bound(self, credential: str, model: ModelLimits) -> bool:
        """Whether anything here bounds the jobs of this model."""
        users = (self.user_in_flight, self.user_model_in_flight)
        return self.of_credential(credential) != NO_LIMITS or model != NO_MODEL_LIMITS or any(users)


NO_LIMITS: Final = CredentialLimits()
NO_MODEL_LIMITS: Final = ModelLimits()


@dataclass(frozen=True)
class Rate:
    """At most `count` in any time of `period`."""

    count: int
    period: timedelta

    @property
    def burst(self) -> int:
        return math.ceil(self.count / BURST_PART)

    @property
    def per_second(self) -> float:
        """How many come back in a second. A burst and what comes back within the period are `count` together."""
        return (self.count + 1 - self.burst) / self.period.total_seconds()


@dataclass(frozen=True)
class Bucket:
    """What of a rate is left, as it was `at` (seconds since the epoch)."""

    left: float
    at: float

    def left_at(self, rate: Rate, now: float) -> float:
        """A clock that was set back gives nothing back until it has caught up."""
        return min(rate.burst, self.left + max(now - self.at, 0) * rate.per_second)

    def taken(self, rate: Rate, now: float) -> "Bucket":
        """After one more."""
        return Bucket(self.left_at(rate, now) - 1, now)

    def ready_in(self, rate: Rate, now: float) -> float:
        """Seconds until there is one; 0 when there is one now."""
        return max((1 - self.left_at(rate, now)) / rate.per_second, 0)


def full(rate: Rate, now: float) -> Bucket:
    return Bucket(rate.burst, now)
