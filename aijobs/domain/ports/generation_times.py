"""What is kept of how long generations took."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aijobs.domain.jobs.generation_times import GenerationTimes


@dataclass(frozen=True, kw_only=True)
class GenerationEnd:
    """A generation that ended between `earliest` and `latest`, in seconds since the provider took the job.

    `dice` are two numbers, uniform in 0..1, by which it is counted.
    """

    model_id: str
    parameter_class: str
    earliest: float
    latest: float
    dice: tuple[float, float]


class GenerationTimesLog(Protocol):
    """The records of all models and classes of parameters, shared by all processes."""

    async def times(self, model_id: str, parameter_class: str) -> GenerationTimes:
        """Of the class, if enough is known of it; otherwise of all jobs of the model."""
        ...

    async def count(self, ends: Sequence[GenerationEnd]) -> None:
        """Count these ends for their models and classes, in one transaction. They count again when it is repeated."""
        ...
