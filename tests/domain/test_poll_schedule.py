"""How long generations took, and the times of questions that are learned from it."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aijobs.domain.jobs.generation_times import BINS, ENOUGH_JOBS, MOST_JOBS, NEARLY_DONE, GenerationTimes, read_times
from aijobs.domain.jobs.poll_schedule import GLANCE_FACTOR, LearnedPolling, PollSchedule, schedule_of
from aijobs.domain.jobs.polling import PollPolicy

SECONDS = st.floats(0, 200_000, allow_nan=False)
TIMES = st.builds(
    lambda first, counts: GenerationTimes(first=first, counts=tuple(counts[: BINS - first])),
    st.integers(0, BINS - 1),
    st.lists(st.integers(0, 60), max_size=40),
)
POLICIES = st.builds(
    LearnedPolling,
    min=st.floats(0.1, 10).map(lambda seconds: timedelta(seconds=seconds)),
    questions=st.floats(3, 100),
)


def learned(draw: Callable[[random.Random], float], *, jobs: int = 400) -> GenerationTimes:
    """After so many jobs whose end was seen at once."""
    chance, times = random.Random(7), GenerationTimes()
    for _ in range(jobs):
        seconds = draw(chance)
        times = times.observed(seconds, seconds, dice=(chance.random(), chance.random()))
    return times


def about_a_minute(chance: random.Random) -> float:
    return chance.lognormvariate(log(60), 0.25)


def in_two_groups(chance: random.Random) -> float:
    return chance.lognormvariate(log(5), 0.1) if chance.random() < 0.4 else chance.lognormvariate(log(90), 0.1)


def test_quantiles_are_those_of_what_was_observed() -> None:
    times = learned(about_a_minute)

    assert times.quantile(0.5) == pytest.approx(60, rel=0.06)
    assert times.quantile(0.95) == pytest.approx(60 * 1.509, rel=0.08)
    assert times.quantile(0.5, after=80) > 84


@given(TIMES, SECONDS, SECONDS, st.floats(0, 0.999), st.floats(0, 0.999))
def test_a_job_more_is_counted_within_its_interval(
    times: GenerationTimes, one: float, other: float, first: float, second: float
) -> None:
    earliest, latest = sorted((one, other))
    more = times.observed(earliest, latest, dice=(first, second))

    assert more.jobs in (times.jobs + 1, (times.jobs + 1) // 2, (times.jobs + 2) // 2)
    assert read_times(more.model_dump(mode="json")) == more


def test_old_jobs_are_forgotten_and_few_say_nothing() -> None:
    slow = learned(lambda _: 600.0, jobs=MOST_JOBS)
    chance, times = random.Random(1), slow
    for _ in range(2 * MOST_JOBS):
        times = times.observed(10, 10, dice=(chance.random(), chance.random()))

    assert times.jobs <= MOST_JOBS
    assert times.quantile(0.5) == pytest.approx(10, rel=0.1)
    assert not learned(about_a_minute, jobs=ENOUGH_JOBS - 1).is_known
    assert learned(about_a_minute, jobs=ENOUGH_JOBS).is_known


def test_it_is_small_where_it_is_stored() -> None:
    chance = random.Random(3)
    everything = learned(lambda _: 0.5 * 2 ** chance.uniform(0, 17), jobs=2000)

    assert len(learned(about_a_minute).model_dump_json()) < 120
    assert len(everything.model_dump_json()) < 350


@pytest.mark.parametrize("stored", [None, [], {"first": -1}, {"first": BINS, "counts": [1]}, {"counts": ["many"]}])
def test_what_is_not_understood_counts_as_nothing_known(stored: object) -> None:
    assert read_times(stored) == GenerationTimes()


@given(TIMES, st.lists(SECONDS, min_size=2, max_size=20))
def test_an_estimate_grows_with_the_time_and_never_reaches_the_end(
    times: GenerationTimes, moments: list[float]
) -> None:
    shares = [times.progress(moment) for moment in sorted(moments)]

    assert shares == sorted(shares)
    assert all(0 <= share <= NEARLY_DONE for share in shares)
    assert all(times.expected_end(moment) >= moment for moment in moments)


def test_an_estimate_is_half_way_at_half_the_usual_time() -> None:
    assert learned(about_a_minute).progress(30) == pytest.approx(50, abs=4)


def test_an_estimate_says_what_is_usual_and_foretells_no_end_behind_nearly_all() -> None:
    times, began = learned(about_a_minute), datetime(2026, 1, 1, tzinfo=UTC)

    at_first, in_the_middle, late = (times.estimate(began, began + timedelta(seconds=after)) for after in (0, 70, 300))

    assert at_first is not None
    assert in_the_middle is not None
    assert late is not None
    assert at_first.usual_seconds == pytest.approx(60, rel=0.06)
    assert at_first.slow_seconds == pytest.approx(60 * 1.378, rel=0.08)
    assert at_first.ended_by_now == 0
    assert late.ended_by_now == pytest.approx(100, abs=0.5)
    assert in_the_middle.ended_by_now == pytest.approx(73, abs=5)
    assert at_first.estimated_end == began + timedelta(seconds=times.quantile(0.5))
    assert in_the_middle.estimated_end is not None
    assert in_the_middle.estimated_end > began + timedelta(seconds=70)
    assert late.estimated_end is None
    assert learned(about_a_minute, jobs=ENOUGH_JOBS - 1).estimate(began, began) is None


@given(TIMES, POLICIES, SECONDS, SECONDS)
def test_the_next_question_that_is_shown_is_the_first_one_behind_now(
    times: GenerationTimes, policy: LearnedPolling, asked: float, later: float
) -> None:
    schedule = PollSchedule(times, policy)
    due = schedule.next_due(asked, asked + later)

    assert asked + later <= due <= schedule.next_after(asked + later) + 1e-3 * (1 + asked + later)


@given(TIMES, POLICIES, SECONDS, st.floats(0.5, 1.5))
def test_a_next_question_always_comes_and_keeps_the_distance(
    times: GenerationTimes, policy: LearnedPolling, elapsed: float, share: float
) -> None:
    schedule = PollSchedule(times, policy)
    coming = schedule.next_after(elapsed, share=share)

    shortest = policy.min.total_seconds()
    assert coming - elapsed >= 0.999 * shortest
    assert coming - elapsed <= max(GLANCE_FACTOR ** (2 * share) * max(elapsed, 1.0), 2 * shortest)
    assert 0 <= schedule.last_before(elapsed) <= elapsed


def test_questions_are_few_before_dense_around_and_sparse_behind_what_is_usual() -> None:
    times = learned(about_a_minute)
    schedule = PollSchedule(times, LearnedPolling())
    questions = [2.0]
    while questions[-1] < 600:
        questions.append(schedule.next_after(questions[-1]))
    waits = [(before, behind - before) for before, behind in pairwise(questions)]

    assert len([at for at in questions if at < times.quantile(0.02)]) <= 3
    assert max(wait for at, wait in waits if times.quantile(0.25) < at < times.quantile(0.9)) < 4
    assert waits[-1][1] > 30


def test_each_group_of_jobs_has_its_questions() -> None:
    schedule = PollSchedule(learned(in_two_groups), LearnedPolling())

    assert schedule.next_after(4.5) - 4.5 < 1.5
    assert schedule.next_after(10) - 10 > 10
    assert schedule.next_after(88) - 88 < 5


def test_a_vendor_that_became_faster_is_noticed_though_every_end_is_found_late() -> None:
    """Each end is known only as an interval that begins at the question before, as the schedule itself has it."""
    chance, times = random.Random(5), learned(about_a_minute)
    for _ in range(MOST_JOBS):
        schedule = PollSchedule(times, LearnedPolling())
        found = 2.0
        while found < 12:
            found = schedule.next_after(found)
        times = times.observed(schedule.last_before(found), found, dice=(chance.random(), chance.random()))

    assert times.quantile(0.5) < 20


def test_a_class_is_named_by_short_values_alone() -> None:
    learning = LearnedPolling(classes=("duration", "size", "prompt"))

    assert learning.class_of({"duration": 5, "prompt": "a lighthouse at dusk"}) == "duration=5,size=,prompt=other"
    assert LearnedPolling().class_of({"duration": 5}) == ""


def test_the_schedule_is_the_learned_one_where_it_is_wanted_and_enough_is_known() -> None:
    times = learned(about_a_minute, jobs=ENOUGH_JOBS)

    assert schedule_of(times, LearnedPolling(), PollPolicy()) is schedule_of(times, LearnedPolling(), PollPolicy())
    assert schedule_of(times, LearnedPolling(enabled=False), PollPolicy()) is None
    assert schedule_of(learned(about_a_minute, jobs=ENOUGH_JOBS - 1), LearnedPolling(), PollPolicy()) is None


def test_a_poll_policy_that_begins_fast_shortens_the_least_wait() -> None:
    times = learned(lambda _: 3.0)
    waits = [
        schedule.next_after(2.9) - 2.9
        for first in (timedelta(milliseconds=100), timedelta(seconds=2))
        if (schedule := schedule_of(times, LearnedPolling(), PollPolicy(first=first)))
    ]

    assert waits[0] < 1 <= waits[1] + 1e-9


@pytest.mark.parametrize("seconds", [0.3, 1.0, 3.0, 60.0, 1000.0])
def test_a_job_that_hangs_is_asked_ever_more_seldom(seconds: float) -> None:
    """Also where jobs are too short for as many questions as they may have."""
    schedule = PollSchedule(learned(lambda chance: chance.lognormvariate(log(seconds), 0.3)), LearnedPolling())
    questions, at = 0, 10 * seconds
    while at < 7200:
        questions, at = questions + 1, schedule.next_after(at)

    assert questions < 400
    assert schedule.next_after(7200) - 7200 > 20
