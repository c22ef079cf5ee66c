"""How long to wait before asking a provider again."""

from datetime import timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.values.durations import Duration

NO_NEWS: Final = "NoNews"  #: the type of the error with which a question ends that brought nothing new
SHORTEST: Final = timedelta(milliseconds=1)
NOT_DUE: Final = "NotDue"  #: the type of the error with which a poll ends that came before its time, and asked nothing


class PollPolicy(BaseModel):
    """Waiting times between two questions: `first`, then growing by `factor` up to `max`; `jitter` is a share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: Duration = timedelta(seconds=2)
    factor: float = Field(default=1.5, ge=1)
    max: Duration = timedelta(seconds=30)
    jitter: float = Field(default=0.1, ge=0, le=1)

    def slower(self) -> "PollPolicy":
        """For a job that nobody waits for any more: it begins where this one ends, and grows to twenty times that."""
        return PollPolicy(first=self.max, factor=2, max=20 * self.max, jitter=self.jitter)

    def next_due(self, waited: timedelta) -> timedelta:
        """When the next poll without news is due, counted from the last news; `waited` is the time that has passed.

        About: it leaves out the jitter, and the provider's own minimum.
        """
        due, step = timedelta(), max(min(self.first, self.max), SHORTEST)
        while due <= waited:
            if step >= self.max or self.factor == 1:
                return due + step * ((waited - due) // step + 1)
            due += step
            step = min(step * self.factor, self.max)
        return due

    def delay(self, attempt: int, *, dice: float, at_least: timedelta | None = None) -> timedelta:
        """The wait after `attempt` (1 or more) polls without a change.

        `dice` is uniform in 0..1 and spreads the waits; `at_least` is the provider's own minimum.
        """
        longest = self.max.total_seconds()
        try:
            grown = min(self.first.total_seconds() * self.factor ** (attempt - 1), longest)
        except OverflowError:
            grown = longest
        return max(timedelta(seconds=grown * self.spread(dice)), at_least or timedelta())

    def spread(self, dice: float) -> float:
        """What a wait is multiplied by, so that jobs that began together do not ask together."""
        return 1 + self.jitter * (2 * dice - 1)
