"""Questions for each job and how late its end is found: learned, and at fixed intervals. Simulated, without a clock."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import log
from statistics import fmean
from typing import Final

from aijobs.domain.jobs.generation_times import MOST_JOBS, GenerationTimes
from aijobs.domain.jobs.poll_schedule import LearnedPolling, PollSchedule
from aijobs.domain.jobs.polling import PollPolicy
from bench.report import Aim, Report, p50_p95

JOBS: Final = 4000
MEDIAN_SECONDS: Final = 60.0
INTERVALS: Final = (0.5, 5.0, 15.0)
POLICY: Final = PollPolicy(first=timedelta(seconds=2), factor=1.5, max=timedelta(seconds=15), jitter=0.1)
RELEARNED_EVERY: Final = 20
"""Jobs that a process finishes before it looks at the record again."""

MOST_QUESTIONS: Final = 12.0
MOST_LAG_SECONDS: Final = 1.0

Draw = Callable[[random.Random], float]
Wait = Callable[[float, int], float]
"""From the seconds of the last question and the number of questions so far to the seconds of the next one."""


@dataclass(frozen=True)
class FoundEnd:
    """A simulated job: how many questions it took, and how long after its end the last of them was."""

    questions: int
    lag: float


def log_normal(spread: float, *, median: float = MEDIAN_SECONDS) -> Draw:
    """`spread` is the standard deviation of the logarithm."""
    return lambda chance: chance.lognormvariate(log(median), spread)


def mixture(*parts: tuple[float, Draw]) -> Draw:
    """Each part with its weight."""
    weights, draws = [weight for weight, _ in parts], [draw for _, draw in parts]
    return lambda chance: chance.choices(draws, weights)[0](chance)


LENGTHS: Final[dict[str, Draw]] = {
    "log-normal, spread 0.15": log_normal(0.15),
    "log-normal, spread 0.25": log_normal(0.25),
    "log-normal, spread 0.35": log_normal(0.35),
    "log-normal, spread 0.5": log_normal(0.5),
    "two groups: 30 % at 8 s, 70 % at 72 s": mixture((3, log_normal(0.25, median=8)), (7, log_normal(0.15, median=72))),
}


AIMED_AT: Final = "log-normal, spread 0.15"


async def measure(*, quick: bool) -> Report:
    jobs = MOST_JOBS if quick else JOBS
    found = {
        name: {
            "learned": learned(draw, jobs),
            "the poll policy": fixed(draw, jobs, _growing),
            **{f"every {seconds:g} s": fixed(draw, jobs, _every(seconds)) for seconds in INTERVALS},
        }
        for name, draw in LENGTHS.items()
    }
    return _report(found, jobs)


def learned(draw: Draw, jobs: int) -> list[FoundEnd]:
    """After as many jobs again, from whose ends, as they were found, the schedule was learned."""
    chance = random.Random(1)
    times, schedule, found = GenerationTimes(), None, []
    for number in range(2 * jobs):
        if number % RELEARNED_EVERY == 0 and times.is_known:
            schedule = PollSchedule(times, LearnedPolling())
        end = draw(chance)
        questions = _asked_until(end, _growing if schedule is None else _scheduled(schedule, chance))
        before, at = [0.0, *questions][-2:]
        earliest = before if schedule is None else schedule.last_before(at)
        times = times.observed(earliest, at, dice=(chance.random(), chance.random()))
        found.append(FoundEnd(len(questions), at - end))
    return found[jobs:]


def fixed(draw: Draw, jobs: int, wait: Wait) -> list[FoundEnd]:
    chance, found = random.Random(1), []
    for _ in range(jobs):
        end = draw(chance)
        questions = _asked_until(end, wait)
        found.append(FoundEnd(len(questions), questions[-1] - end))
    return found


def _asked_until(end: float, wait: Wait) -> list[float]:
    """The seconds of all questions; the last one finds the end."""
    questions = [wait(0.0, 0)]
    while questions[-1] < end:
        questions.append(wait(questions[-1], len(questions)))
    return questions


def _scheduled(schedule: PollSchedule, chance: random.Random) -> Wait:
    first = POLICY.first.total_seconds()
    return lambda at, number: schedule.next_after(at, share=POLICY.spread(chance.random())) if number else first


def _growing(at: float, number: int) -> float:
    """The first pause is the workflow's, and the wait after the first question is the first one again."""
    return at + POLICY.delay(max(number, 1), dice=0.5).total_seconds()


def _every(seconds: float) -> Wait:
    return lambda at, _number: at + seconds


def _report(found: Mapping[str, Mapping[str, Sequence[FoundEnd]]], jobs: int) -> Report:
    questions, lag = _figures(found[AIMED_AT]["learned"])
    better = [name for name, by_policy in found.items() if _is_better(by_policy["learned"], by_policy["every 5 s"])]
    return Report(
        title="Questions and lag of polls, simulated",
        how=f"{jobs} jobs each, after {jobs} from which the schedule has learned; without webhooks",
        columns=("how long generations take, and when it is asked", "questions per job", "lag p50", "lag p95"),
        rows=[row for name, by_policy in found.items() for row in _rows(name, by_policy)],
        aims=[
            Aim(f"{AIMED_AT}: {questions:.1f} questions, at most {MOST_QUESTIONS:g}", questions <= MOST_QUESTIONS),
            Aim(f"{AIMED_AT}: lag p50 {lag:.2f} s, at most {MOST_LAG_SECONDS:g} s", lag <= MOST_LAG_SECONDS),
            Aim(f"fewer questions and less lag than every 5 s: {'; '.join(better)}", AIMED_AT in better),
        ],
    )


def _is_better(ours: Sequence[FoundEnd], theirs: Sequence[FoundEnd]) -> bool:
    return all(one < other for one, other in zip(_figures(ours), _figures(theirs), strict=True))


def _rows(name: str, by_policy: Mapping[str, Sequence[FoundEnd]]) -> Iterable[Sequence[str]]:
    for policy, ends in by_policy.items():
        p50, p95 = p50_p95([end.lag for end in ends])
        yield (f"{name}: {policy}", f"{_figures(ends)[0]:.1f}", f"{p50:.2f} s", f"{p95:.2f} s")


def _figures(ends: Sequence[FoundEnd]) -> tuple[float, float]:
    """The mean number of questions, and the median lag."""
    return fmean(end.questions for end in ends), p50_p95([end.lag for end in ends])[0]
