"""What `aijobs watch` shows of a job that waits."""

from datetime import UTC, datetime

import pytest

from aijobs.domain.jobs.events import EventKind, JobEvent, rfc3339
from aijobs.domain.jobs.waiting import Wait, WaitFor
from aijobs.domain.lifecycle import JobStatus
from cli.progress_view import PlainProgress, waits_for

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
WAIT = Wait(kind=WaitFor.PROVIDER_PAUSED, since=AT, next_at=AT, reason="a \x1b[31mbad\x1b[0m day")


def event(seq: int, kind: EventKind, detail: dict[str, object]) -> JobEvent:
    return JobEvent(
        seq=seq,
        code="job_1",
        at=AT,
        kind=kind,
        job_status=JobStatus.DRAFT,
        job_status_name="DRAFT",
        job_status_desc="草稿",
        unit_progress=None,
        overall_progress=0,
        detail=detail,
    )


def test_a_note_of_what_a_job_waits_for_is_a_line_and_other_notes_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainProgress()

    view.show_event(event(1, EventKind.STATUS, {}))
    view.show_event(event(2, EventKind.NOTE, {"waiting": WAIT.shown().model_dump(mode="json")}))
    view.show_event(event(3, EventKind.NOTE, {"waiting": None}))
    view.show_event(event(4, EventKind.NOTE, {"cancel": "requested", "reason": "no"}))

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "Paused by an operator: a " in lines[1]
    assert "\x1b" not in lines[1]
    assert "next 2026-11-21 " in lines[1]


def test_a_job_that_waits_for_nothing_has_nothing_to_show() -> None:
    assert waits_for(None) == ""


def test_an_end_that_is_foretold_is_shown_as_an_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    PlainProgress().show_event(event(1, EventKind.PROGRESS, {"estimated": True, "estimated_end": rfc3339(AT)}))

    assert "estimated, ends about 2026-11-21 " in capsys.readouterr().out
