"""Waiting times between two questions."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from aijobs.domain.jobs.polling import PollPolicy

POLICY = PollPolicy(first=timedelta(seconds=2), factor=2, max=timedelta(seconds=10), jitter=0.1)


def test_waits_grow_up_to_the_maximum() -> None:
    waits = [POLICY.delay(attempt, dice=0.5).total_seconds() for attempt in (1, 2, 3, 4, 10_000)]

    assert waits == [2, 4, 8, 10, 10]


def test_waits_that_grow_slowly_grow_as_far() -> None:
    slowly = POLICY.model_copy(update={"factor": 1.01})

    assert [slowly.delay(attempt, dice=0.5).total_seconds() for attempt in (1, 200, 10**6)] == [2, 10, 10]


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_jitter_stays_within_its_share(attempt: int, dice: float) -> None:
    assert 1.8 <= POLICY.delay(attempt, dice=dice).total_seconds() <= 11


def test_the_providers_own_wish_wins() -> None:
    assert POLICY.delay(1, dice=0.5, at_least=timedelta(minutes=1)) == timedelta(minutes=1)


def test_the_next_poll_is_told_from_the_time_since_the_last_news() -> None:
    waited = (0, 1, 2, 5, 6, 13, 14, 24, 25, 36_000)

    due = [POLICY.next_due(timedelta(seconds=seconds)).total_seconds() for seconds in waited]

    assert due == [2, 2, 6, 6, 14, 14, 24, 34, 34, 36_004]


@given(st.floats(0, 100), st.floats(1, 10), st.floats(0.001, 1000), st.timedeltas(timedelta(0), timedelta(days=3)))
def test_the_next_poll_is_never_past_nor_further_than_a_wait(
    first: float, factor: float, longest: float, waited: timedelta
) -> None:
    policy = PollPolicy(first=timedelta(seconds=first), factor=max(factor, 1.01), max=timedelta(seconds=longest))

    assert waited < policy.next_due(waited) <= waited + max(policy.max, timedelta(milliseconds=1))
