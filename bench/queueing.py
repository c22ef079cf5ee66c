"""How long jobs wait for a place at a vendor, by who orders how much: our fair order, FIFO and round robin. Simulated.

A day of 1,000 users. Few of them order most of the jobs, in bursts whose sizes have a heavy tail (Pareto), and all of
them more by day than by night. For some hours more is ordered than the vendor can do, so that there is a line.
"""

import heapq
import math
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from aijobs.domain.jobs.slots.fair_queue import DEFAULT_PRIORITY, UserTurns, rank
from bench.report import Aim, Report, p50_p95

USERS: Final = 1000
DAY_SECONDS: Final = 86_400.0
PLACES: Final = 50
GENERATION_SECONDS: Final = 60.0
SPREAD: Final = 0.4
LOAD: Final = 0.9
"""Of what the places can do in a day."""

TAIL: Final = 1.15
"""The exponent of Pareto's law for the size of a burst: rare large ones make most of the jobs."""

LARGEST_BURST: Final = 3000
LIGHT, MIDDLE, HEAVY = "light: up to 10 jobs", "middle: up to 100", "heavy: more"
CLASSES: Final = (LIGHT, MIDDLE, HEAVY)
MIDNIGHT: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, order=True)
class OrderedJob:
    """Seconds since midnight. `number` tells jobs of one moment apart."""

    at: float
    number: int
    user: str
    seconds: float


class Line(Protocol):
    """The jobs that wait, in the order in which they get a place."""

    def add(self, job: OrderedJob) -> None: ...

    def take(self) -> OrderedJob:
        """The next one, which starts."""
        ...

    def __len__(self) -> int: ...


class Fifo:
    """Who came first is first. Implements Line."""

    def __init__(self) -> None:
        self._jobs: deque[OrderedJob] = deque()

    def add(self, job: OrderedJob) -> None:
        self._jobs.append(job)

    def take(self) -> OrderedJob:
        return self._jobs.popleft()

    def __len__(self) -> int:
        return len(self._jobs)


class RoundRobin:
    """One job of each user that waits, in turn. Who comes is the last of the round. Implements Line."""

    def __init__(self) -> None:
        self._round: deque[str] = deque()
        self._jobs: dict[str, deque[OrderedJob]] = {}
        self._count = 0

    def add(self, job: OrderedJob) -> None:
        self._count += 1
        if job.user not in self._jobs:
            self._jobs[job.user] = deque()
            self._round.append(job.user)
        self._jobs[job.user].append(job)

    def take(self) -> OrderedJob:
        self._count -= 1
        user = self._round.popleft()
        job = self._jobs[user].popleft()
        if self._jobs[user]:
            self._round.append(user)
        else:
            del self._jobs[user]
        return job

    def __len__(self) -> int:
        return self._count


class FairLine:
    """Our order, by the turns of aijobs/domain/jobs/slots/fair_queue.py. Implements Line."""

    def __init__(self) -> None:
        self._turns = UserTurns()
        self._next: list[tuple[float, datetime, str]] = []  #: a heap: a waiting user's turn stays until a job starts
        self._jobs: dict[str, deque[OrderedJob]] = {}
        self._count = 0

    def add(self, job: OrderedJob) -> None:
        self._count += 1
        if job.user not in self._jobs:
            self._jobs[job.user] = deque([job])
            self._enter(job.user, self._turns.come(job.user))
        else:
            self._jobs[job.user].append(job)

    def take(self) -> OrderedJob:
        self._count -= 1
        _, _, user = heapq.heappop(self._next)
        job, turn = self._jobs[user].popleft(), self._turns.start(user, among=self._jobs.keys())
        if self._jobs[user]:
            self._enter(user, turn)
        else:
            del self._jobs[user]
        return job

    def _enter(self, user: str, turn: float) -> None:
        first = rank(MIDNIGHT + timedelta(seconds=self._jobs[user][0].at), DEFAULT_PRIORITY)
        heapq.heappush(self._next, (turn, first, user))

    def __len__(self) -> int:
        return self._count


LINES: Final[Mapping[str, Callable[[], Line]]] = {"FIFO": Fifo, "round robin": RoundRobin, "aijobs": FairLine}


async def measure(*, quick: bool) -> Report:
    places = 5 if quick else PLACES
    jobs = list(day_of_orders(random.Random(11), places=places))
    waits = {name: waits_by_class(jobs, line(), places=places) for name, line in LINES.items()}
    return _report(waits, jobs, places)


def day_of_orders(chance: random.Random, *, places: int) -> Iterator[OrderedJob]:
    """The jobs of a day, as they come: so many that the places are busy for `LOAD` of it."""
    wanted = LOAD * places * DAY_SECONDS / (GENERATION_SECONDS * math.exp(SPREAD**2 / 2))
    activity = [chance.paretovariate(TAIL) for _ in range(USERS)]
    bursts: list[tuple[float, str, int]] = []
    jobs = 0
    while jobs < wanted:
        (user,) = chance.choices(range(USERS), activity)
        size = min(int(chance.paretovariate(TAIL)), LARGEST_BURST)
        bursts.append((_moment(chance), f"user{user:04}", size))
        jobs += size
    number = 0
    for at, name, size in sorted(bursts):
        for _ in range(size):
            number += 1
            yield OrderedJob(at, number, name, chance.lognormvariate(math.log(GENERATION_SECONDS), SPREAD))


def _moment(chance: random.Random) -> float:
    """Most often in the afternoon: three times as often as in the small hours."""
    while True:
        at = chance.uniform(0, DAY_SECONDS)
        if chance.random() < 0.6 + 0.4 * math.sin(2 * math.pi * (at / DAY_SECONDS - 0.375)):
            return at


def waits_by_class(jobs: Sequence[OrderedJob], line: Line, *, places: int) -> Mapping[str, list[float]]:
    """The seconds from each job's order to its start, until all are done."""
    ordered = Counter(job.user for job in jobs)
    waits: dict[str, list[float]] = {one: [] for one in CLASSES}
    ends: list[float] = []  #: a heap: when the work in each place ends
    coming = deque(jobs)
    now = 0.0
    while coming or line:
        while line and len(ends) < places:
            job = line.take()
            waits[_class_of(ordered[job.user])].append(now - job.at)
            heapq.heappush(ends, now + job.seconds)
        if coming and (not ends or coming[0].at <= ends[0]):
            now = coming[0].at
            line.add(coming.popleft())
        elif ends:
            now = heapq.heappop(ends)
    return waits


def _class_of(ordered: int) -> str:
    return LIGHT if ordered <= 10 else MIDDLE if ordered <= 100 else HEAVY


def _report(waits: Mapping[str, Mapping[str, Sequence[float]]], jobs: Sequence[OrderedJob], places: int) -> Report:
    ordered = Counter(job.user for job in jobs)
    users = Counter(map(_class_of, ordered.values()))
    light = {name: p50_p95(by_class[LIGHT])[1] for name, by_class in waits.items()}
    middle = {name: p50_p95(by_class[MIDDLE])[1] for name, by_class in waits.items()}
    return Report(
        title="Waiting for a place, simulated",
        how=f"{len(jobs)} jobs of {len(ordered)} users in a day, {places} places, {GENERATION_SECONDS:g} s each",
        columns=("who orders so much in a day", "users", "jobs", *(f"{name}: p50 · p95" for name in waits)),
        rows=[
            (one, str(users[one]), str(len(waits["FIFO"][one])), *(_figures(waits[name][one]) for name in waits))
            for one in CLASSES
        ],
        aims=[
            Aim(
                "light users wait less than in a round robin, and than in FIFO", light["aijobs"] <= min(light.values())
            ),
            Aim("so do those in the middle", middle["aijobs"] <= min(middle.values())),
        ],
    )


def _figures(waits: Sequence[float]) -> str:
    p50, p95 = p50_p95(waits)
    return f"{_minutes(p50)} · {_minutes(p95)}"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
