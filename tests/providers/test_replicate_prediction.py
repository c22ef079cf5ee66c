"""The snapshots of predictions, recorded and irregular ones."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.job import Stage
from aijobs.domain.jobs.submissions import CancelOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Snapshot
from aijobs.providers.replicate.prediction import LOG_TAIL, Prediction, prediction_in, snapshot_of, unit_progress

At = Callable[..., Awaitable[Any]]
Recorded = Callable[[str], dict[str, Any]]

REF = {"id": "p1"}


def snapshot_from(**fields: Any) -> Snapshot:
    raw = {"id": "p1", **fields}
    prediction = prediction_in(raw)
    assert prediction is not None
    return snapshot_of(prediction, raw)


@pytest.mark.parametrize(
    ("recording", "status"),
    [
        ("created", JobStatus.QUEUED),
        ("created_blocking", JobStatus.PROCESSING),
        ("succeeded", JobStatus.GENERATED),
        ("canceled", JobStatus.CANCELED),
    ],
)
def test_recorded_answers_are_understood(recorded: Recorded, recording: str, status: JobStatus) -> None:
    snapshot = snapshot_from(**recorded(recording))

    assert (snapshot.status, snapshot.definite, snapshot.error) == (status, True, None)
    assert snapshot.final == (not status.is_before(JobStatus.GENERATED))
    assert snapshot.raw == recorded(recording)


def test_processing_with_an_output_is_still_processing() -> None:
    snapshot = snapshot_from(status="processing", output="https://replicate.delivery/half.png")

    assert (snapshot.status, snapshot.final) == (JobStatus.PROCESSING, False)


def test_aborted_is_final_and_a_timeout_before_the_start() -> None:
    snapshot = snapshot_from(status="aborted")

    assert (snapshot.status, snapshot.final) == (JobStatus.TIMEOUT, True)
    assert snapshot.error is not None
    assert snapshot.error.stage is Stage.QUEUE


@pytest.mark.parametrize(
    ("deadline", "completed_at", "status"),
    [
        ("2024-01-01T00:00:10Z", "2024-01-01T00:00:10.5Z", JobStatus.TIMEOUT),
        ("2024-01-01T00:00:10Z", "2024-01-01T00:00:10Z", JobStatus.TIMEOUT),
        ("2024-01-01T00:00:10Z", "2024-01-01T00:00:09.999999999Z", JobStatus.CANCELED),
        (None, "2024-01-01T00:00:10Z", JobStatus.CANCELED),
        ("2024-01-01T00:00:10", "2024-01-01T00:00:10Z", JobStatus.CANCELED),
    ],
)
def test_canceled_at_the_deadline_is_a_timeout(deadline: str | None, completed_at: str, status: JobStatus) -> None:
    assert snapshot_from(status="canceled", deadline=deadline, completed_at=completed_at).status is status


@pytest.mark.parametrize("word", ["booting", "SUCCEEDED", "", None, 7])
def test_an_unknown_word_is_still_running_and_logged(word: Any) -> None:
    with capture_logs() as logs:
        snapshot = snapshot_from(status=word)

    assert (snapshot.status, snapshot.final, snapshot.error) == (JobStatus.PROCESSING, False, None)
    assert [entry["event"] for entry in logs] == ["unknown_status"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("CUDA out of memory", "CUDA out of memory"),
        ({"code": "E1", "为什么": "太大"}, '{"code": "E1", "为什么": "太大"}'),
        (["a", 1], '["a", 1]'),
        (None, "Replicate gives no reason."),
        ("", "Replicate gives no reason."),
    ],
)
def test_a_failure_tells_why_whatever_the_reason_looks_like(error: Any, message: str) -> None:
    snapshot = snapshot_from(status="failed", error=error)

    assert (snapshot.status, snapshot.final) == (JobStatus.FAILED, True)
    assert snapshot.error is not None
    assert (snapshot.error.code, snapshot.error.message) == ("provider_failed", message)


def test_missing_keys_and_odd_values_are_survived() -> None:
    odd = {"logs": {"a": 1}, "output": 5, "data_removed": "?", "urls": [], "created_at": 0, "completed_at": "soon"}

    assert snapshot_from(status="succeeded", **odd).status is JobStatus.GENERATED


@pytest.mark.parametrize("fraction", ["", ".1", ".123", ".123456", ".99397566", ".993975661"])
def test_times_may_carry_any_number_of_digits(fraction: str) -> None:
    prediction = Prediction.model_validate({"id": "p1", "created_at": f"2023-11-27T13:35:45{fraction}Z"})

    assert prediction.created_at is not None
    assert prediction.created_at.replace(microsecond=0) == datetime(2023, 11, 27, 13, 35, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("logs", "percent"),
    [
        ("Using seed: 42069\n  4%|▍         | 2/50 [00:00<00:02]\n 98%|█████████▊| 49/50 [00:02<00:00]\n", 98),
        ("  4%|▍    | 2/50\r 10%|█    | 5/50\r", 10),
        ("50%|███| 1/2\nSaving the 3% left\n", 50),
        ("250%|███| 5/2", 100),
        ("loading model: 80% done", None),
        ("", None),
        ("7%|" + "|" * LOG_TAIL, None),
    ],
)
def test_progress_is_the_last_bar_in_the_logs(logs: str, percent: float | None) -> None:
    assert unit_progress(logs) == percent


def test_progress_is_told_while_processing_only(recorded: Recorded) -> None:
    logs = recorded("succeeded")["logs"]

    assert snapshot_from(status="starting", logs=logs).unit_progress is None
    assert snapshot_from(status="processing", logs=logs).unit_progress == 100
    assert snapshot_from(status="succeeded", logs=logs).unit_progress is None


async def test_a_prediction_is_asked_for_by_its_own_link(replicate_at: At, vendor_that: At, server: Any) -> None:
    vendor = await vendor_that(server.answers(200, {"id": "p1", "status": "starting"}))
    replicate: Provider = await replicate_at(vendor.url)

    snapshot = await replicate.query({"id": "p1", "get": f"{vendor.url}/v1/predictions/p1?region=eu"})

    assert snapshot.status is JobStatus.QUEUED
    assert vendor.received[0].path == "/v1/predictions/p1?region=eu"
    assert vendor.received[0].headers["authorization"].startswith("Bearer r8_")


@pytest.mark.parametrize("get", [None, "https://evil.example/p1", "https://api.replicate.com.evil.example/v1/p1", 7])
async def test_a_foreign_link_is_not_followed(replicate_at: At, vendor_that: At, server: Any, get: Any) -> None:
    vendor = await vendor_that(server.answers(200, {"id": "a/b", "status": "starting"}))
    replicate = await replicate_at(vendor.url)

    await replicate.query({"id": "a/b", "get": get})

    assert vendor.received[0].path == "/v1/predictions/a%2Fb"


async def test_not_found_is_not_failed(replicate_at: At, vendor_that: At, server: Any) -> None:
    vendor = await vendor_that(server.answers(404, {"detail": "Not found"}))
    replicate = await replicate_at(vendor.url)

    snapshot = await replicate.query(REF)

    assert (snapshot.definite, snapshot.final) == (False, False)


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (200, {}), (200, []), (401, {"detail": "Who?"}), (302, b"")]
)
async def test_an_answer_that_says_nothing_about_the_job_is_asked_for_again(
    replicate_at: At, vendor_that: At, server: Any, status: int, body: Any
) -> None:
    vendor = await vendor_that(server.answers(status, body))
    replicate = await replicate_at(vendor.url)

    with pytest.raises(ProviderUnavailable):
        await replicate.query(REF)


async def test_a_throttled_question_says_when_to_ask_again(replicate_at: At, vendor_that: At, server: Any) -> None:
    vendor = await vendor_that(server.answers(429, {"detail": "Slow down."}, Ratelimit_Reset="9"))
    replicate = await replicate_at(vendor.url)

    with pytest.raises(ProviderUnavailable) as unavailable:
        await replicate.query(REF)

    assert unavailable.value.retry_after == timedelta(seconds=9)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("canceled", CancelOutcome.CANCELED),
        ("starting", CancelOutcome.REQUESTED),
        ("processing", CancelOutcome.REQUESTED),
        ("stopping", CancelOutcome.REQUESTED),
        ("succeeded", CancelOutcome.TOO_LATE),
        ("failed", CancelOutcome.TOO_LATE),
        ("aborted", CancelOutcome.TOO_LATE),
    ],
)
async def test_a_cancel_achieves_what_the_status_then_says(
    replicate_at: At, vendor_that: At, server: Any, status: str, outcome: CancelOutcome
) -> None:
    vendor = await vendor_that(server.answers(200, {"id": "p1", "status": status}))
    replicate = await replicate_at(vendor.url)

    assert await replicate.cancel(REF) is outcome
    assert (vendor.received[0].method, vendor.received[0].path) == ("POST", "/v1/predictions/p1/cancel")


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
async def test_a_cancel_that_was_not_taken_is_worth_another_try(
    replicate_at: At, vendor_that: At, server: Any, status: int
) -> None:
    vendor = await vendor_that(server.answers(status, {"detail": "?"}))
    replicate = await replicate_at(vendor.url)

    with pytest.raises(ProviderUnavailable):
        await replicate.cancel(REF)
