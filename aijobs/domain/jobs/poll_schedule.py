"""When to ask a provider again, learned from how long generations took.

The best density of questions, for a given number of them, grows with the square root of the chance that the job ends
now, given that it has not ended before (its hazard rate). Source: J. B. Keller, "Optimum checking schedules for systems
subject to random failure", Management Science 21 (1974).
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from itertools import accumulate, pairwise
from math import floor, log, sqrt
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from aijobs.domain.jobs.generation_times import EDGES, GenerationTimes
from aijobs.domain.jobs.polling import SHORTEST, PollPolicy
from aijobs.domain.values.durations import Duration

GLANCE_FACTOR: Final = 12.0
"""At least one question between any time and twelve times that: a refusal comes early, and so does a new status."""

LONGEST_VALUE: Final = 16
"""Characters of a parameter's value in the name of a class."""

STEPS: Final = 48
"""Bisections of the logarithm of the factor, which come within a thousandth of the wanted number of questions."""

WIDTHS: Final = tuple(high - low for low, high in pairwise(EDGES))
MIDDLES: Final = tuple((low + high) / 2 for low, high in pairwise(EDGES))
GLANCES: Final = tuple(1 / (middle * log(GLANCE_FACTOR)) for middle in MIDDLES)


Parameter = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class LearnedPolling(BaseModel):
    """How a model's questions are timed by what is known of it.

    `questions` are the most that a job has on average, where nobody rings. `min` is the shortest wait between two; a
    poll policy whose first wait is shorter makes it that.
    `classes` are the parameters that tell long jobs from short ones: jobs that differ in them are learned apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="false: only the poll policy counts")
    min: Duration = timedelta(seconds=1)
    questions: float = Field(default=12, ge=3, le=1000)
    classes: tuple[Parameter, ...] = Field(default=(), max_length=4)

    def class_of(self, params: Mapping[str, Any]) -> str:
        """The class of a job with these parameters, for example `duration=5,resolution=720p`; empty without classes."""
        return ",".join(f"{name}={_short(params.get(name))}" for name in self.classes)


def _short(value: Any) -> str:
    """A value of a class: few characters, and nothing that somebody wrote at length."""
    match value:
        case None:
            return ""
        case bool() | int() | float() | str() if len(str(value)) <= LONGEST_VALUE:
            return str(value)
        case _:
            return "other"


class PollSchedule:
    """Times of questions, in seconds since the provider took the job. It has no state: any process goes on with it."""

    def __init__(self, times: GenerationTimes, policy: LearnedPolling) -> None:
        self._shortest = max(policy.min, SHORTEST).total_seconds()
        hazards = [
            sqrt(mass / width / max((before + behind) / 2, 1e-9))
            for mass, width, (before, behind) in zip(times.masses, WIDTHS, pairwise(times.survivals), strict=True)
        ]
        self._density = _density_of(times.masses, hazards, shortest=self._shortest, questions=policy.questions)
        self._number = _integral(self._density)

    def next_after(self, elapsed: float, *, share: float = 1.0) -> float:
        """When to ask, if the last question was at `elapsed`. With a `share` of 0.9, a tenth of the wait earlier."""
        return max(self._time_of(self._number_at(elapsed) + share), elapsed + self._shortest)

    def next_due(self, asked: float, now: float) -> float:
        """When the next question is due, if there was one at `asked` and others followed until `now`. About: the
        provider's own minimum is left out, and so is the random part."""
        first = self._number_at(asked)
        return max(self._time_of(first + floor(self._number_at(now) - first) + 1), now)

    def last_before(self, elapsed: float) -> float:
        """When the question before this one was, or 0."""
        return max(self._time_of(max(self._number_at(elapsed) - 1, 0.0)), 0.0)

    def _number_at(self, elapsed: float) -> float:
        bin_ = min(bisect_right(EDGES, elapsed) - 1, len(WIDTHS) - 1)
        return self._number[bin_] + self._density[bin_] * (elapsed - EDGES[bin_])

    def _time_of(self, number: float) -> float:
        bin_ = min(bisect_right(self._number, number) - 1, len(WIDTHS) - 1)
        return EDGES[bin_] + (number - self._number[bin_]) / self._density[bin_]


@lru_cache(maxsize=256)
def schedule_of(times: GenerationTimes, learning: LearnedPolling, policy: PollPolicy) -> PollSchedule | None:
    """None while too little is known, or where it is switched off."""
    if not learning.enabled or not times.is_known:
        return None
    return PollSchedule(times, learning.model_copy(update={"min": min(learning.min, policy.first)}))


def _density_of(
    masses: Sequence[float], hazards: Sequence[float], *, shortest: float, questions: float
) -> tuple[float, ...]:
    """Questions per second, by bin: a multiple of the hazards' roots, so that a job has `questions` on average.

    Where jobs are too short for so many, the multiple is as large as makes a difference to most of them, and no larger:
    else one that hangs would be asked with the shortest wait for ever.
    """
    reached = (0.0, *accumulate(masses))
    bulk = [
        hazard
        for hazard, (before, behind) in zip(hazards, pairwise(reached), strict=True)
        if before < 0.9 and behind > 0.1
    ]
    least, most, density = 1e-6, max(1 / (shortest * min(bulk)), 1e-6), tuple(GLANCES)
    for _ in range(STEPS):
        factor = sqrt(least * most)
        density = tuple(
            min(max(factor * hazard, glance), 1 / shortest) for hazard, glance in zip(hazards, GLANCES, strict=True)
        )
        if _expected(density, masses) > questions:
            most = factor
        else:
            least = factor
    return density


def _expected(density: Sequence[float], masses: Sequence[float]) -> float:
    """Questions of a job on average: those before its end, and the one that finds it, half a wait later."""
    number = _integral(density)
    middles = ((before + behind) / 2 for before, behind in pairwise(number))
    return sum(mass * middle for mass, middle in zip(masses, middles, strict=True)) + 0.5


def _integral(density: Sequence[float]) -> tuple[float, ...]:
    """By edge: how many questions there were until then."""
    return (0.0, *accumulate(rate * width for rate, width in zip(density, WIDTHS, strict=True)))
