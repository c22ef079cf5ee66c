"""The table of moves, and what it must never allow."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aijobs.domain.errors import IllegalMove
from aijobs.domain.lifecycle import (
    BAD_ENDS,
    DESCRIPTIONS,
    ENDS,
    ORDER,
    OVERALL_PROGRESS,
    TRANSITIONS,
    UNFINISHED,
    JobStatus,
    Move,
    judge,
    overall_progress,
)

statuses = st.sampled_from(JobStatus)

ROOT = Path(__file__).parents[2]
OURS = ("activities", "aijobs", "api", "bench", "chaos", "cli", "dashboard", "workflows")


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
def test_no_sequence_of_wishes_makes_an_illegal_move(targets: list[JobStatus]) -> None:
    current, path = JobStatus.DRAFT, [JobStatus.DRAFT]
    for target in targets:
        try:
            move = judge(current, target)
        except IllegalMove:
            continue
        if move is Move.FORWARD:
            current = target
            path.append(current)

    assert all(later in TRANSITIONS[earlier] for earlier, later in pairwise(path))
    assert all(not status.is_final for status in path[:-1])
    assert all(earlier.is_before(later) for earlier, later in pairwise(path))


@given(statuses, statuses)
def test_a_final_status_is_never_left(current: JobStatus, target: JobStatus) -> None:
    if current.is_final and target is not current:
        with pytest.raises(IllegalMove):
            judge(current, target)


def test_a_providers_way_back_is_ignored() -> None:
    assert judge(JobStatus.PROCESSING, JobStatus.QUEUED) is Move.BACKWARD


def test_the_order_of_statuses_is_that_of_the_table() -> None:
    assert {*UNFINISHED, *ENDS} == set(JobStatus)
    assert (*UNFINISHED, JobStatus.SUCCESS) == ORDER
    assert all(later in TRANSITIONS[earlier] for earlier, later in pairwise(ORDER))
    assert {status for status in JobStatus if status.is_final} == set(ENDS) == {JobStatus.SUCCESS, *BAD_ENDS}


@given(statuses, statuses)
def test_ends_are_behind_all_else_and_before_nothing(one: JobStatus, other: JobStatus) -> None:
    assert one.is_before(other) == (not one.is_final and (other.is_final or ORDER.index(one) < ORDER.index(other)))


def order_by_number(tree: ast.AST) -> Iterator[int]:
    """The lines that compare or count statuses by their numbers."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(ops=ops) if any(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in ops):
                sides = [node.left, *node.comparators]
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                sides = [node.left, node.right]
            case _:
                continue
        if any(re.search(r"\bjob_status\)?$|\bJobStatus\.[A-Z]+$", ast.unparse(side)) for side in sides):
            yield node.lineno


def test_nobody_orders_statuses_by_the_numbers_of_the_api() -> None:
    found = {
        f"{file.relative_to(ROOT)}:{line}"
        for package in OURS
        for file in (ROOT / package).rglob("*.py")
        if "migrations" not in file.parts
        for line in order_by_number(ast.parse(file.read_text("utf-8")))
    }

    assert found == set()


@pytest.mark.parametrize(
    "written",
    [
        "job.job_status < 6",
        "JobStatus.FAILED <= status",
        "JobStatus(job.job_status + 1)",
        "col(JobRow.job_status) >= S",
    ],
)
def test_ordering_by_numbers_is_noticed(written: str) -> None:
    assert list(order_by_number(ast.parse(written))) == [1]


@given(st.floats(0, 100), st.sampled_from([s for s in JobStatus if not s.is_final]))
def test_overall_progress_runs_towards_the_next_status(unit: float, status: JobStatus) -> None:
    current_figure, next_figure = OVERALL_PROGRESS[status], OVERALL_PROGRESS[ORDER[ORDER.index(status) + 1]]

    assert current_figure <= overall_progress(status, unit) <= next_figure


def test_the_example_of_forty_two_percent() -> None:
    assert overall_progress(JobStatus.PROCESSING, 42.0) == 57.0
