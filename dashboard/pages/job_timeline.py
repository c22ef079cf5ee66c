"""A job's way through the statuses, and how long it stayed in each."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Final

from aijobs.domain.jobs.events import EventKind, JobEvent
from aijobs.domain.lifecycle import ENDS, UNFINISHED, JobStatus

NARROWEST: Final = 1.5
"""Percent of the bar that even the shortest stay gets, so that it can be seen."""


class StepPlace(StrEnum):
    """How a status stands to the job."""

    PASSED = "passed"
    HERE = "here"
    AHEAD = "ahead"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Step:
    """`spent` is nothing for a status that was never entered, and for the last one. Shares are percent of the bar."""

    status: JobStatus
    place: StepPlace
    entered: datetime | None = None
    spent: timedelta | None = None
    begins_at: float = 0.0
    share: float = 0.0


@dataclass(frozen=True)
class JobTimeline:
    """Six statuses of the way, and four possible ends."""

    way: Sequence[Step]
    ends: Sequence[Step]
    total: timedelta


def timeline_of(events: Sequence[JobEvent], current: JobStatus, *, until: datetime) -> JobTimeline:
    """`until` is now; a job that has ended needs no such end."""
    entered: dict[JobStatus, datetime] = {}
    for event in events:
        if event.kind is EventKind.STATUS:
            entered.setdefault(event.job_status, event.at)
    moments = [*entered.values(), *([] if current.is_final else [until])]
    stays = dict(zip(entered, (later - earlier for earlier, later in pairwise(moments)), strict=False))
    total = sum(stays.values(), timedelta())
    shares = _shares(stays, total)
    begins = dict(zip(shares, accumulate(shares.values(), initial=0.0), strict=False))

    def step(status: JobStatus) -> Step:
        return Step(
            status=status,
            place=_place(status, current, entered),
            entered=entered.get(status),
            spent=stays.get(status),
            begins_at=round(begins.get(status, 0.0), 2),
            share=round(shares.get(status, 0.0), 2),
        )

    return JobTimeline([step(status) for status in UNFINISHED], [step(status) for status in ENDS], total)


def _place(status: JobStatus, current: JobStatus, entered: Container[JobStatus]) -> StepPlace:
    if status is current:
        return StepPlace.HERE
    if status in entered:
        return StepPlace.PASSED
    return StepPlace.SKIPPED if status.is_before(current) or current.is_final else StepPlace.AHEAD


def _shares(stays: Mapping[JobStatus, timedelta], total: timedelta) -> dict[JobStatus, float]:
    """Percent of the bar, at least the narrowest for each, 100 together."""
    if not total:
        return {}
    left = 100 - NARROWEST * len(stays)
    return {status: NARROWEST + left * (stay / total) for status, stay in stays.items()}
