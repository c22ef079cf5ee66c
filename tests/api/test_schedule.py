"""Jobs that start later or expire: what is accepted, what is refused before anything is charged, and their cancel."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aijobs.domain.jobs.events import rfc3339
from aijobs.domain.lifecycle import JobStatus
from tests.api.installation import ApiUnderTest
from tests.api.test_jobs_accept import points_used


def in_(length: timedelta) -> str:
    return rfc3339(datetime.now(UTC) + length)


HOUR = timedelta(hours=1)


async def test_a_job_that_starts_later_waits_for_its_time(api: ApiUnderTest) -> None:
    start_at, expires_at = in_(HOUR), in_(2 * HOUR)

    answer = await api.submit("ada", start_at=start_at, expires_at=expires_at)
    job = (await api.http.get(answer.headers["Location"])).json()
    history = await api.http.get(f"{answer.headers['Location']}/events", headers={"Accept": "application/json"})

    waiting = job["waiting"]
    assert answer.json()["waiting"] == waiting
    assert (job["job_status_name"], job["start_at"], job["expires_at"]) == ("DRAFT", start_at, expires_at)
    assert (waiting["for"], waiting["next_at"], waiting["gives_up_at"]) == ("schedule", start_at, expires_at)
    assert history.json()["data"][0]["detail"]["waiting"]["for"] == "schedule"
    assert await points_used(api) == 2


async def test_a_job_that_waits_for_its_time_is_canceled_at_once_while_temporal_is_away(
    without_temporal: ApiUnderTest,
) -> None:
    code = await without_temporal.job("ada", start_at=in_(HOUR))

    answer = await without_temporal.http.post(f"/api/jobs/{code}/cancel", json={"reason": "no longer needed"})
    again = await without_temporal.http.post(f"/api/jobs/{code}/cancel")

    assert answer.status_code == 202
    assert answer.json()["job_status"] == JobStatus.CANCELED
    assert answer.json()["error"] == {"code": "canceled", "message": "no longer needed", "stage": "submit"}
    assert again.status_code == 409
    assert await points_used(without_temporal) == 0


async def test_a_start_that_has_just_passed_is_a_start_now(shared_api: ApiUnderTest) -> None:
    answer = await shared_api.submit("ada", start_at=in_(timedelta(seconds=-70)))

    assert answer.status_code == 202
    assert (answer.json()["start_at"], answer.json()["waiting"]) == (None, None)


@pytest.mark.parametrize(
    ("times", "pointer"),
    [
        ({"start_at": in_(-HOUR)}, "/start_at"),
        ({"start_at": in_(timedelta(days=400))}, "/start_at"),
        ({"start_at": "2026-11-21T22:00:00"}, "/start_at"),
        ({"start_at": "tomorrow"}, "/start_at"),
        ({"start_at": "22:00"}, "/start_at"),
        ({"start_at": 4102444800}, "/start_at"),
        ({"start_at": True}, "/start_at"),
        ({"start_at": "9999-12-31T23:59:59-14:00"}, "/start_at"),
        ({"start_at": "0001-01-01T00:00:00+14:00"}, "/start_at"),
        ({"expires_at": in_(-HOUR)}, "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59Z"}, "/expires_at"),
        ({"start_at": in_(2 * HOUR), "expires_at": in_(HOUR)}, "/expires_at"),
        ({"start_at": in_(HOUR), "expires_at": in_(HOUR).replace("Z", "+01:00")}, "/expires_at"),
    ],
)
async def test_times_that_cannot_be_are_refused_by_name(
    shared_api: ApiUnderTest, times: dict[str, Any], pointer: str
) -> None:
    before = await points_used(shared_api)

    answer = await shared_api.submit("ada", **times)

    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert await points_used(shared_api) == before


async def test_the_same_time_in_another_zone_is_the_same_request(shared_api: ApiUnderTest) -> None:
    at = datetime.now(UTC).replace(microsecond=0) + HOUR
    headers = {"Idempotency-Key": "later-1"}
    first = await shared_api.submit("ada", headers=headers, start_at=at.isoformat())

    elsewhere = (at + 8 * HOUR).isoformat().replace("+00:00", "+08:00")
    second = await shared_api.submit("ada", headers=headers, start_at=elsewhere)
    other = await shared_api.submit("ada", headers=headers)

    assert second.json()["code"] == first.json()["code"]
    assert other.status_code == 422
