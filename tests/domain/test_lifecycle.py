"""The table of moves, and what it must never allow."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aijobs.domain.errors import IllegalMove
from aijobs.domain.lifecycle import (
    DESCRIPTIONS,
    OVERALL_PROGRESS,
    TRANSITIONS,
    JobStatus,
    Move,
    judge,
    overall_progress,
)

statuses = st.sampled_from(JobStatus)


def test_exactly_the_last_four_statuses_are_final() -> None:
    assert [status for status in JobStatus if status.is_final] == [
        JobStatus.SUCCESS,
        JobStatus.FAILED,
        JobStatus.TIMEOUT,
        JobStatus.CANCELED,
    ]


def test_every_status_has_its_number_descriptions_and_progress() -> None:
    assert [status.value for status in JobStatus] == list(range(10))
    assert set(DESCRIPTIONS) == set(OVERALL_PROGRESS) == set(TRANSITIONS) == set(JobStatus)
    assert JobStatus.PROCESSING.zh == "生成中"
    assert JobStatus.PROCESSING.en == "Processing"


def test_success_is_reached_only_through_migrating() -> None:
    assert [status for status in JobStatus if JobStatus.SUCCESS in TRANSITIONS[status]] == [JobStatus.MIGRATING]


@given(st.lists(statuses, max_size=30))
def test_no_sequence_of_wishes_makes_an_illegal_move(wishes: list[JobStatus]) -> None:
    current, path = JobStatus.DRAFT, [JobStatus.DRAFT]
    for wanted in wishes:
        try:
            move = judge(current, wanted)
        except IllegalMove:
            continue
        if move is Move.FORWARD:
            current = wanted
            path.append(current)

    assert all(later in TRANSITIONS[earlier] for earlier, later in pairwise(path))
    assert all(not status.is_final for status in path[:-1])
    assert path == sorted(path)


@given(statuses, statuses)
def test_a_final_status_is_never_left(current: JobStatus, wanted: JobStatus) -> None:
    if current.is_final and wanted is not current:
        with pytest.raises(IllegalMove):
            judge(current, wanted)


def test_a_providers_way_back_is_ignored() -> None:
    assert judge(JobStatus.PROCESSING, JobStatus.QUEUED) is Move.BACKWARD


@given(st.floats(0, 100), st.sampled_from([s for s in JobStatus if not s.is_final]))
def test_overall_progress_runs_towards_the_next_status(unit: float, status: JobStatus) -> None:
    here, following = OVERALL_PROGRESS[status], OVERALL_PROGRESS[JobStatus(status + 1)]

    assert here <= overall_progress(status, unit) <= following


def test_the_example_of_forty_two_percent() -> None:
    assert overall_progress(JobStatus.PROCESSING, 42.0) == 57.0
