"""The statuses that a job went through, and how long it stayed in each."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Final

from aijobs.domain.jobs.events import EventKind, JobEvent
from aijobs.domain.lifecycle import ENDS, UNFINISHED, JobStatus

NARROWEST: Final = 1.5
"""Percent of the bar that even the shortest stay gets, to be visible."""


class StepState(StrEnum):
    """Whether a job has passed a status."""

    PASSED = "passed"
    CURRENT = "here"
    AHEAD = "ahead"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Step:
    """`spent` is None for a status that was never entered, and for the last one. Shares are percent of the bar."""

    status: JobStatus
    state: StepState
    entered: datetime | None = None
    spent: timedelta | None = None
    begins_at: float = 0.0
    share: float = 0.0


@dataclass(frozen=True)
class JobTimeline:
    """The six statuses before an end, and the four possible ends."""

    steps: Sequence[Step]
    ends: Sequence[Step]
    total: timedelta


def timeline_of(events: Sequence[JobEvent], current: JobStatus, *, until: datetime) -> JobTimeline:
    """`until` is now; it is not used for a job that has ended."""
    entered: dict[JobStatus, datetime] = {}
    for event in events:
        if event.kind is EventKind.STATUS:
            entered.setdefault(event.job_status, event.at)
    times = [*entered.values(), *([] if current.is_final else [until])]
    stays = dict(zip(entered, (later - earlier for earlier, later in pairwise(times)), strict=False))
    total = sum(stays.values(), timedelta())
    shares = _shares(stays, total)
    begins = dict(zip(shares, accumulate(shares.values(), initial=0.0), strict=False))

    def step(status: JobStatus) -> Step:
        return Step(
            status=status,
            state=_state_of(status, current, entered),
            entered=entered.get(status),
            spent=stays.get(status),
            begins_at=round(begins.get(status, 0.0), 2),
            share=round(shares.get(status, 0.0), 2),
        )

    return JobTimeline([step(status) for status in UNFINISHED], [step(status) for status in ENDS], total)


def _state_of(status: JobStatus, current: JobStatus, entered: Container[JobStatus]) -> StepState:
    if status is current:
        return StepState.CURRENT
    if status in entered:
        return StepState.PASSED
    return StepState.SKIPPED if status.is_before(current) or current.is_final else StepState.AHEAD


def _shares(stays: Mapping[JobStatus, timedelta], total: timedelta) -> dict[JobStatus, float]:
    """Percent of the bar: at least NARROWEST for each, 100 in total."""
    if not total:
        return {}
    left = 100 - NARROWEST * len(stays)
    return {status: NARROWEST + left * (stay / total) for status, stay in stays.items()}
