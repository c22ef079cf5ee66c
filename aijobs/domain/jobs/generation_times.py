"""How long generations took: a histogram of logarithmic bins, in which old jobs weigh less and less.

A generation's end is not seen, but found: somewhere between two questions. So an observation is an interval, and is
counted in one of its bins, drawn in proportion to what is known so far (stochastic imputation of interval-censored
data). If the end of the interval were taken, a schedule of questions that is learned from it could never learn that a
vendor has become faster.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from aijobs.domain.jobs.events import MomentOrNone

SHORTEST: Final = 0.5
"""Seconds. What is shorter is in the first bin."""

BINS: Final = 122
GROWTH: Final = 2 ** (1 / 7)
"""Each bin ends a tenth later than the one before; the last one ends after 22 hours, and holds what is longer."""

EDGES: Final = (0.0, *(SHORTEST * GROWTH**number for number in range(BINS)))
"""Bin `i` holds seconds from `EDGES[i]` to `EDGES[i + 1]`."""

MOST_JOBS: Final = 400
"""With more, every count is halved: the last few hundred jobs are what is usual."""

ENOUGH_JOBS: Final = 16
"""With fewer, nothing is called usual."""

PRIOR_JOBS: Final = 1.0
"""The weight, in jobs, of the assumption that any length may come: it is spread over all bins."""

NEARLY_ALL: Final = 0.95
"""The share of jobs behind which no end is foretold."""

NEARLY_DONE: Final = 95.0
"""Percent. An estimate alone goes no further."""


class Estimate(BaseModel):
    """How a job that a provider works on compares with the last ones of its kind."""

    model_config = ConfigDict(frozen=True)

    usual_seconds: float = Field(description="half of the last jobs did not take longer, the provider's queue included")
    slow_seconds: float = Field(description="nine of ten did not take longer")
    ended_by_now: float = Field(description="percent of the last jobs that had ended after as long as this one has run")
    estimated_end: MomentOrNone = Field(description="of the generation; null when it takes longer than nearly all did")


class GenerationTimes(BaseModel):
    """The lengths of some hundred generations, of one model or of one class of its jobs. Lengths are in seconds.

    `counts` are of the bins from `first` on; as JSON it has 100 to 300 characters.
    """

    model_config = ConfigDict(frozen=True)

    first: int = Field(default=0, ge=0, le=BINS)
    counts: tuple[NonNegativeInt, ...] = ()

    @model_validator(mode="after")
    def _has_bins_for_all(self) -> "GenerationTimes":
        if self.first + len(self.counts) > BINS:
            raise ValueError(f"counts go beyond the last of {BINS} bins")
        return self

    @property
    def jobs(self) -> int:
        """How many jobs it speaks of, the older ones in part."""
        return sum(self.counts)

    @property
    def is_known(self) -> bool:
        """Whether there are enough jobs to speak of what is usual."""
        return self.jobs >= ENOUGH_JOBS

    def observed(self, earliest: float, latest: float, *, dice: Sequence[float]) -> "GenerationTimes":
        """With one more job, which ended between these two. `dice` are two numbers, uniform in 0..1."""
        shares = [share for share in self._shares(earliest, latest) if share[1] > 0]
        target, passed = dice[0] * sum(share for _, share in shares), 0.0
        chosen = shares[-1][0]
        for number, share in shares:
            passed += share
            if target < passed:
                chosen = number
                break
        counts = list(self._all_counts)
        counts[chosen] += 1
        return _trimmed(_halved(counts, dice[1]) if sum(counts) > MOST_JOBS else counts)

    def _shares(self, earliest: float, latest: float) -> Iterator[tuple[int, float]]:
        """The bins of an interval, each with the part of its mass that lies there."""
        begin = max(0.0, min(earliest, latest))
        end = max(latest, begin + 0.001)
        for number in range(bin_of(begin), bin_of(end) + 1):
            low, high = EDGES[number], EDGES[number + 1]
            overlap = max(min(high, end) - max(low, begin), 0.0) / (high - low)
            is_beyond = number == BINS - 1 and end > high
            yield number, self.masses[number] * (1.0 if is_beyond else overlap)

    @cached_property
    def _all_counts(self) -> tuple[int, ...]:
        behind = BINS - self.first - len(self.counts)
        return (*(0,) * self.first, *self.counts, *(0,) * behind)

    @cached_property
    def masses(self) -> tuple[float, ...]:
        """The probability of each bin: smoothed over its neighbours while there are few jobs, and nowhere zero."""
        counts, total = self._all_counts, self.jobs + PRIOR_JOBS
        padded = (counts[0], *counts, counts[-1])
        blur = 0.25 * ENOUGH_JOBS / max(self.jobs, ENOUGH_JOBS)
        smooth = [
            blur * before + (1 - 2 * blur) * here + blur * after
            for before, here, after in zip(padded, counts, padded[2:], strict=False)
        ]
        return tuple((count + PRIOR_JOBS / BINS) / total for count in smooth)

    @cached_property
    def survivals(self) -> tuple[float, ...]:
        """The share of jobs that last longer than each of the EDGES: from 1 down to 0."""
        return (1.0, *(max(1.0 - reached, 0.0) for reached in accumulate(self.masses)))

    def quantile(self, share: float, *, after: float = 0.0) -> float:
        """The length that this share of the jobs does not exceed, among those that last longer than `after`."""
        return self._length_with_survival((1 - share) * self.survival(after))

    def survival(self, elapsed: float) -> float:
        """The share of jobs that last longer."""
        number = bin_of(elapsed)
        low, high = EDGES[number], EDGES[number + 1]
        before, behind = self.survivals[number], self.survivals[number + 1]
        return before + (behind - before) * min((elapsed - low) / (high - low), 1.0)

    def _length_with_survival(self, wanted: float) -> float:
        for number, (before, behind) in enumerate(pairwise(self.survivals)):
            if behind <= wanted:
                low, high = EDGES[number], EDGES[number + 1]
                return low + (high - low) * (before - wanted) / max(before - behind, 1e-12)
        return EDGES[-1]

    def expected_end(self, elapsed: float) -> float:
        """Seconds from the start at which half of the jobs that have come so far have ended."""
        return max(self.quantile(0.5, after=elapsed), elapsed)

    def estimate(self, began: datetime, at: datetime) -> Estimate | None:
        """At `at`, of a job that the provider took at `began`. None while too little is known."""
        if not self.is_known:
            return None
        elapsed = max((at - began).total_seconds(), 0.0)
        return Estimate(
            usual_seconds=round(self.quantile(0.5), 1),
            slow_seconds=round(self.quantile(0.9), 1),
            ended_by_now=round(100 * (1 - self.survival(elapsed)), 1),
            estimated_end=self.expected_moment(began, elapsed),
        )

    def expected_moment(self, began: datetime, elapsed: float) -> datetime | None:
        """When it ends, as half of those do that have come so far. None behind nearly all: there is no usual end."""
        is_late = self.survival(elapsed) < 1 - NEARLY_ALL
        return None if is_late or not self.is_known else began + timedelta(seconds=self.expected_end(elapsed))

    def progress(self, elapsed: float) -> float:
        """Percent of the way to the expected end: grows with the time, and stays below the end."""
        number = bin_of(elapsed)
        share = max(self._progress_at[number], elapsed / max(self.expected_end(elapsed), 0.001))
        return min(100 * min(share, self._progress_at[number + 1]), NEARLY_DONE)

    @cached_property
    def _progress_at(self) -> tuple[float, ...]:
        """By edge. Where a first group of fast jobs has ended, the expected end moves away: the progress then stays."""
        shares = (edge / max(self.expected_end(edge), 0.001) for edge in EDGES)
        return tuple(accumulate(shares, max))


def bin_of(seconds: float) -> int:
    """The bin that holds this length."""
    return min(bisect_right(EDGES, seconds) - 1, BINS - 1)


def _halved(counts: Sequence[int], dice: float) -> list[int]:
    """Every second job of the row of all jobs, from the first or the second on: no bin is favoured."""
    before = [0, *accumulate(counts)]
    offset = 1 if dice < 0.5 else 0
    return [(behind + offset) // 2 - (ahead + offset) // 2 for ahead, behind in pairwise(before)]


def _trimmed(counts: Sequence[int]) -> GenerationTimes:
    filled = [number for number, count in enumerate(counts) if count]
    if not filled:
        return GenerationTimes()
    return GenerationTimes(first=filled[0], counts=tuple(counts[filled[0] : filled[-1] + 1]))


def read_times(stored: Any) -> GenerationTimes:
    """Of what was stored as JSON. What is not understood (a newer version's) counts as nothing known."""
    try:
        return GenerationTimes.model_validate(stored)
    except ValueError:
        return GenerationTimes()
