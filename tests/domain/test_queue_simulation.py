"""The lines of the simulation: ours takes jobs in the order of the product, and none loses a job or idles."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aijobs.domain.jobs.slots.fair_queue import DEFAULT_PRIORITY, UserTurns, WaitingGroup, next_in, rank
from bench.queueing import CLASSES, LINES, MIDNIGHT, FairLine, Line, OrderedJob, waits_by_class


def orders(users: list[int]) -> list[OrderedJob]:
    """One a second, each of ten seconds."""
    return [OrderedJob(float(at), at, f"user{user}", 10.0) for at, user in enumerate(users)]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=60))
def test_the_fair_line_is_in_the_order_of_the_product(acts: list[tuple[int, int]]) -> None:
    """Each act is a job of a user that comes, and how many start then."""
    line, turns, waiting = FairLine(), UserTurns(), list[OrderedJob]()
    for job, (_, starts) in zip(orders([user for user, _ in acts]), acts, strict=True):
        if job.user not in {other.user for other in waiting}:
            turns.come(job.user)
        line.add(job)
        waiting.append(job)
        for _ in range(min(starts, len(waiting))):
            taken = line.take()
            assert taken == expected(waiting, turns)
            turns.start(taken.user, among={other.user for other in waiting})
            waiting.remove(taken)


def expected(waiting: list[OrderedJob], turns: UserTurns) -> OrderedJob:
    """The next job of the user that the product's own function names."""
    groups = [
        WaitingGroup(user, "model", len(jobs), rank(MIDNIGHT + timedelta(seconds=jobs[0].at), DEFAULT_PRIORITY))
        for user in {job.user for job in waiting}
        if (jobs := [job for job in waiting if job.user == user])
    ]
    group = next_in(groups, turns, lambda _: True)
    assert group is not None
    return next(job for job in waiting if job.user == group.user_id)


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_every_job_starts_once_and_no_place_is_idle_while_one_waits(line: Callable[[], Line]) -> None:
    chance = random.Random(2)
    jobs = orders([chance.choice([1, 1, 1, 2, 3]) for _ in range(200)])

    waits = waits_by_class(jobs, line(), places=2)

    assert sum(len(waits[one]) for one in CLASSES) == len(jobs)
    assert Counter(job.user for job in jobs)["user1"] > 100
    total = sum(wait for one in CLASSES for wait in waits[one])
    assert total == pytest.approx(sum(max(10 * (number // 2) - number + number % 2, 0) for number in range(200)))
