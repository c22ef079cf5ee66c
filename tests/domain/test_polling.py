"""Waiting times between two questions."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from aijobs.domain.jobs.polling import PollPolicy

POLICY = PollPolicy(first=timedelta(seconds=2), factor=2, max=timedelta(seconds=10), jitter=0.1)


def test_waits_grow_up_to_the_maximum() -> None:
    waits = [POLICY.delay(attempt, dice=0.5).total_seconds() for attempt in (1, 2, 3, 4, 10_000)]

    assert waits == [2, 4, 8, 10, 10]


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_jitter_stays_within_its_share(attempt: int, dice: float) -> None:
    assert 1.8 <= POLICY.delay(attempt, dice=dice).total_seconds() <= 11


def test_the_providers_own_wish_wins() -> None:
    assert POLICY.delay(1, dice=0.5, at_least=timedelta(minutes=1)) == timedelta(minutes=1)
