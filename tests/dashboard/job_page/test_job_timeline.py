"""The numbers of the timeline, and the values of the form, without a browser."""

from datetime import UTC, datetime, timedelta

import pytest

from aijobs.domain.jobs.events import EventKind, JobEvent
from aijobs.domain.lifecycle import JobStatus
from dashboard.pages.job_timeline import StepState, timeline_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_skipped_status_takes_no_time_and_the_shares_make_the_whole_bar() -> None:
    events = _entered((JobStatus.DRAFT, 0), (JobStatus.SUBMITTED, 10), (JobStatus.GENERATED, 70))

    timeline = timeline_of(events, JobStatus.GENERATED, until=NOON + timedelta(seconds=100))

    places = {step.status: step.state for step in timeline.steps}
    assert places[JobStatus.SUBMITTED] is StepState.PASSED
    assert places[JobStatus.QUEUED] is StepState.SKIPPED
    assert places[JobStatus.GENERATED] is StepState.CURRENT
    assert places[JobStatus.MIGRATING] is StepState.AHEAD
    assert timeline.total == timedelta(seconds=100)
    assert [step.spent for step in timeline.steps if step.spent] == [timedelta(seconds=s) for s in (10, 60, 30)]
    assert sum(step.share for step in timeline.steps) == pytest.approx(100, abs=0.1)
    assert timeline.steps[4].begins_at == pytest.approx(timeline.steps[0].share + timeline.steps[1].share, abs=0.02)


def test_a_job_that_has_ended_stays_as_long_as_it_took() -> None:
    events = _entered((JobStatus.DRAFT, 0), (JobStatus.FAILED, 4))

    timeline = timeline_of(events, JobStatus.FAILED, until=NOON + timedelta(days=1))

    assert timeline.total == timedelta(seconds=4)
    assert [step.status for step in timeline.ends if step.state is StepState.CURRENT] == [JobStatus.FAILED]


def _entered(*moves: tuple[JobStatus, int]) -> list[JobEvent]:
    return [
        JobEvent(
            seq=number,
            code="job_1",
            at=NOON + timedelta(seconds=second),
            kind=EventKind.STATUS,
            job_status=status,
            job_status_name=status.name,
            job_status_desc=status.zh,
            unit_progress=None,
            overall_progress=0,
            detail={},
        )
        for number, (status, second) in enumerate(moves, start=1)
    ]
