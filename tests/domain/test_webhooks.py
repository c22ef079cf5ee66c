"""What is told to whom, and how long we go on trying."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aijobs.domain.jobs.events import EventKind, JobEvent
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.webhooks import (
    FINAL_TYPES,
    MAX_BYTES,
    STANDARD_PAUSES,
    EventType,
    RetrySchedule,
    SecretRef,
    WebhookReply,
    event_type_of,
    job_message,
    signing_refs,
)

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def event(**detail: object) -> JobEvent:
    return JobEvent(
        seq=4,
        code="job_1",
        at=NOW,
        kind=EventKind.STATUS,
        job_status=JobStatus.SUCCESS,
        job_status_name="SUCCESS",
        job_status_desc="成功",
        unit_progress=None,
        overall_progress=100,
        detail=detail,
    )


@pytest.mark.parametrize(
    ("kind", "status", "subscribed", "expected"),
    [
        (EventKind.STATUS, JobStatus.SUCCESS, FINAL_TYPES, EventType.SUCCESS),
        (EventKind.STATUS, JobStatus.TIMEOUT, FINAL_TYPES, EventType.TIMEOUT),
        (EventKind.STATUS, JobStatus.QUEUED, FINAL_TYPES, None),
        (EventKind.STATUS, JobStatus.QUEUED, [EventType.STATUS], EventType.STATUS),
        (EventKind.STATUS, JobStatus.FAILED, [EventType.STATUS], EventType.STATUS),
        (EventKind.STATUS, JobStatus.FAILED, [EventType.STATUS, EventType.FAILED], EventType.FAILED),
        (EventKind.PROGRESS, JobStatus.PROCESSING, [EventType.STATUS, *FINAL_TYPES], None),
        (EventKind.PROGRESS, JobStatus.PROCESSING, [EventType.PROGRESS], EventType.PROGRESS),
        (EventKind.NOTE, JobStatus.SUCCESS, list(EventType), None),
    ],
)
def test_an_event_is_told_once_under_the_narrowest_topic_that_is_wanted(
    kind: EventKind, status: JobStatus, subscribed: list[EventType], expected: EventType | None
) -> None:
    assert event_type_of(kind, status, subscribed) is expected


def test_a_message_is_the_event_with_the_jobs_metadata() -> None:
    said = json.loads(job_message(EventType.SUCCESS, event(outputs=1), {"order": "1001"}))

    assert said["type"] == "job.success"
    assert said["timestamp"] == "2026-11-21T10:00:00.000Z"
    assert said["data"]["code"] == "job_1"
    assert said["data"]["detail"] == {"outputs": 1}
    assert said["data"]["metadata"] == {"order": "1001"}


@given(st.dictionaries(st.text(max_size=40), st.text(max_size=500), max_size=16), st.text(max_size=30_000))
def test_a_message_is_never_too_large(metadata: dict[str, str], long: str) -> None:
    body = job_message(EventType.STATUS, event(said=long), metadata)

    assert len(body.encode("utf-8", "surrogatepass")) <= MAX_BYTES
    assert json.loads(body)["data"]["code"] == "job_1"


def test_a_rotated_secret_still_signs_for_a_day() -> None:
    old, new = SecretRef("user:ada", 1), SecretRef("user:ada", 2)

    assert signing_refs(old, None, NOW) == (old,)
    assert signing_refs(new, NOW, NOW + timedelta(hours=23)) == (new, old)
    assert signing_refs(new, NOW, NOW + timedelta(hours=24)) == (new,)


def test_the_standard_schedule_has_ten_tries_within_some_days() -> None:
    schedule = RetrySchedule()

    pauses = [schedule.pause(failed, dice=0) for failed in range(1, 11)]

    assert pauses == [*STANDARD_PAUSES, None]
    assert sum(STANDARD_PAUSES, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


@given(st.integers(1, 9), st.floats(0, 1))
def test_jitter_only_lengthens(failed: int, dice: float) -> None:
    plain = STANDARD_PAUSES[failed - 1]

    assert plain <= (RetrySchedule().pause(failed, dice=dice) or timedelta()) <= 1.1 * plain


def test_the_receivers_own_wish_wins() -> None:
    assert RetrySchedule().pause(1, dice=0, at_least=timedelta(hours=1)) == timedelta(hours=1)


def test_only_2xx_is_taken() -> None:
    taken = [status for status in (199, 200, 204, 299, 302, 404, 410, 500) if WebhookReply(status=status).is_taken]

    assert taken == [200, 204, 299]
    assert not WebhookReply(error="No answer.").is_taken
