"""Events of a job: which of them is the end."""

from datetime import UTC, datetime

import pytest

from aijobs.domain.jobs.events import EventKind, JobEvent
from aijobs.domain.lifecycle import ENDS, JobStatus


@pytest.mark.parametrize("kind", EventKind)
@pytest.mark.parametrize("status", JobStatus)
def test_only_the_status_event_of_an_end_is_the_end(kind: EventKind, status: JobStatus) -> None:
    event = JobEvent(
        seq=2,
        code="job_1",
        at=datetime.now(UTC),
        kind=kind,
        job_status=status,
        job_status_name=status.name,
        job_status_desc=status.zh,
        unit_progress=None,
        overall_progress=0.0,
        detail={},
    )

    assert event.is_end == (kind is EventKind.STATUS and status in ENDS)
    assert "is_end" not in event.model_dump()
