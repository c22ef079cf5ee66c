"""The order of waiting jobs: fair by weight, nobody starves, and nothing that may start is left waiting."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from aijobs.domain.jobs.slots.fair_queue import (
    CREEP,
    HEAD_START,
    LEVEL,
    UserTurns,
    WaitingGroup,
    ahead_of,
    longest_wait,
    next_in,
    rank,
)

NOON: Final = datetime(2026, 11, 29, 12, tzinfo=UTC)
USERS: Final = ("ada", "bob", "cyd", "dan")
MODELS: Final = ("pictures", "films")


@dataclass
class JobsInLine:
    """Jobs that wait, each as (rank, user, model); who starts is noted in order."""

    weights: dict[str, float] = field(default_factory=dict)
    jobs: list[tuple[datetime, str, str]] = field(default_factory=list)
    started: list[tuple[datetime, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.turns = UserTurns(weights=self.weights)
        self.clock = NOON

    def come(self, user: str, model: str = "pictures", *, count: int = 1, priority: int = 3) -> None:
        for _ in range(count):
            self.clock += timedelta(seconds=1)
            if not any(waiting == user for _, waiting, _ in self.jobs):
                self.turns.come(user)
            self.jobs.append((rank(self.clock, priority), user, model))

    def groups(self) -> list[WaitingGroup]:
        counts = Counter((user, model) for _, user, model in self.jobs)
        firsts = {key: min(at for at, *of in self.jobs if tuple(of) == key) for key in counts}
        return [WaitingGroup(user, model, count, firsts[user, model]) for (user, model), count in counts.items()]

    def start(self, may_start: Callable[[WaitingGroup], bool] = lambda _: True) -> tuple[datetime, str, str] | None:
        groups = self.groups()
        chosen = next_in(groups, self.turns, may_start)
        if chosen is None:
            return None
        self.turns.start(chosen.user_id, {group.user_id for group in groups if may_start(group)})
        job = min(job for job in self.jobs if job[1:] == (chosen.user_id, chosen.model_id))
        self.jobs.remove(job)
        self.started.append(job)
        return job

    def starts_of(self, user: str) -> int:
        return sum(started == user for _, started, _ in self.started)


def test_the_starts_are_shared_by_weight() -> None:
    line = JobsInLine(weights={"ada": 3.0})
    line.come("ada", count=200)
    line.come("bob", count=200)

    for _ in range(120):
        line.start()

    assert (line.starts_of("ada"), line.starts_of("bob")) == (90, 30)


def test_ten_jobs_do_not_wait_behind_a_thousand() -> None:
    line = JobsInLine()
    line.come("ada", count=1000)
    for _ in range(100):
        line.start()
    line.come("bob", count=10)

    for _ in range(11):
        line.start()

    assert line.starts_of("bob") >= HEAD_START


def test_priority_orders_the_jobs_of_one_user_and_no_other() -> None:
    line = JobsInLine()
    line.come("ada", count=3)
    line.come("bob", "films", priority=5)
    line.come("ada", "films", priority=1)

    order = [line.start() for _ in range(5)]

    assert [job[1:] for job in order if job] == [
        ("ada", "films"),
        ("bob", "films"),
        ("ada", "pictures"),
        ("ada", "pictures"),
        ("ada", "pictures"),
    ]


def test_a_level_of_priority_is_worth_some_hours() -> None:
    assert rank(NOON + LEVEL, 2) == rank(NOON, 3)
    assert rank(NOON, 5) < rank(NOON + 4 * LEVEL + timedelta(seconds=1), 1)


def test_a_full_model_blocks_no_other() -> None:
    line = JobsInLine()
    line.come("ada", "films", count=3)
    line.come("ada", "pictures")

    assert line.start(lambda group: group.model_id != "films") == (line.started[0][0], "ada", "pictures")
    assert line.start(lambda group: group.model_id != "films") is None


Arrivals = st.lists(
    st.tuples(st.sampled_from(USERS), st.sampled_from(MODELS), st.integers(1, 5), st.integers(0, 4)), max_size=40
)
Weights = st.fixed_dictionaries({user: st.sampled_from([0.25, 1.0, 2.0, 5.0]) for user in USERS})


@given(arrivals=Arrivals, weights=Weights, full=st.lists(st.sampled_from([*MODELS, *USERS]), max_size=40))
@settings(max_examples=60, deadline=None)
def test_whatever_may_start_does(
    arrivals: list[tuple[str, str, int, int]], weights: dict[str, float], full: list[str]
) -> None:
    line = JobsInLine(weights=weights)
    for number, (user, model, priority, starts) in enumerate(arrivals):
        line.come(user, model, priority=priority)
        held_back = full[number] if number < len(full) else None

        def may_start(group: WaitingGroup, held_back: str | None = held_back) -> bool:
            return held_back not in (group.user_id, group.model_id)

        for _ in range(starts):
            may = [job for job in line.jobs if held_back not in job]
            job = line.start(may_start)
            assert (job is None) == (not may)
            if job is not None:
                assert job in may
                assert job == min(one for one in may if one[1:] == job[1:]), "of one user and model, by rank"
    assert len(line.started) + len(line.jobs) == len(arrivals)


@given(weights=Weights, counts=st.fixed_dictionaries({user: st.integers(30, 60) for user in USERS}))
@settings(max_examples=40, deadline=None)
def test_between_users_who_always_wait_no_share_differs_by_more_than_one_start(
    weights: dict[str, float], counts: dict[str, int]
) -> None:
    line = JobsInLine(weights=weights)
    for user, count in counts.items():
        line.come(user, count=count)

    while {user for _, user, _ in line.jobs} == set(USERS):
        line.start()
        had = {user: line.starts_of(user) / weights[user] for user in USERS}
        for one in USERS:
            for other in USERS:
                assert had[one] - had[other] <= 1 / weights[one] + 1e-6


@given(
    weights=Weights,
    before=st.integers(0, 30),
    own=st.integers(0, 3),
    newcomers=st.lists(st.integers(0, 3), max_size=60),
    held_back=st.sampled_from([*USERS[1:], None]),
)
@settings(max_examples=60, deadline=None)
def test_nobody_starves_however_many_come(
    weights: dict[str, float], before: int, own: int, newcomers: list[int], held_back: str | None
) -> None:
    line = JobsInLine(weights={**weights, **{f"new-{number}": 0.25 for number in range(1000)}})
    for user in USERS[1:]:
        line.come(user, count=before + 1)
    for _ in range(before):
        line.start(lambda group: group.user_id != held_back)
    line.come("ada", count=own + 1)
    last, most, weight, users = line.jobs[-1], 0.0, weights["ada"], 0

    starts, number = 0, 0
    while last in line.jobs:
        for _ in range(newcomers[starts % len(newcomers)] if newcomers else 0):
            if number < 200:
                line.come(f"new-{number}")
                number += 1
        waiting = {user for _, user, _ in line.jobs}
        most = max(most, sum(line.turns.weight(user) for user in waiting))
        users = max(users, len(waiting))
        line.start()
        starts += 1

    assert starts - 1 <= longest_wait(own, weight, all_weights=most, users=users)


def test_the_bound_holds_against_newcomers_without_end() -> None:
    """One comes for each that starts, so that somebody is always ahead of the rest by a whole head start."""
    line = JobsInLine()
    line.come("bob", count=50)
    for _ in range(40):
        line.start()
    line.come("ada", count=30)
    last = line.jobs[-1]

    for number in range(10_000):
        line.come(f"new-{number}")
        if line.start() == last:
            break

    assert last not in line.jobs
    assert len(line.started) - 41 <= longest_wait(29, 1, all_weights=60, users=60)


@given(weights=Weights, arrivals=Arrivals, started=st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_a_place_in_line_is_true(
    weights: dict[str, float], arrivals: list[tuple[str, str, int, int]], started: int
) -> None:
    """But for users whose turns are level, when the age of their next jobs decides."""
    line = JobsInLine(weights=weights)
    for user, model, priority, _ in arrivals:
        line.come(user, model, priority=priority)
    for _ in range(started):
        line.start()
    places = {}
    for job in line.jobs:
        own = sum(other[1] == job[1] and other < job for other in line.jobs)
        places[job] = ahead_of(job[1], own, line.groups(), line.turns)

    order: list[tuple[datetime, str, str]] = []
    while (started_job := line.start()) is not None:
        order.append(started_job)

    for job, place in places.items():
        assert abs(order.index(job) - place) <= len({user for _, user, _ in order}) - 1


def test_nobody_is_next_where_nobody_waits() -> None:
    assert next_in([], UserTurns(), lambda _: True) is None
    assert 0 < CREEP < 1
