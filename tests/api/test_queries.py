"""Lists of jobs: newest first, filtered, page by page."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aijobs.domain.lifecycle import JobStatus
from tests.api.installation import ApiUnderTest


async def codes(api: ApiUnderTest, **query: Any) -> list[str]:
    answer = await api.http.get("/api/jobs", params=query)
    assert answer.status_code == 200, answer.text
    return [job["code"] for job in answer.json()["data"]]


async def test_pages_hold_every_job_once_newest_first(api: ApiUnderTest) -> None:
    made = [await api.job("ada") for _ in range(5)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await api.http.get("/api/jobs", params={"limit": 2, **cursor})).json()
        seen += [job["code"] for job in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert seen == made[::-1]
    assert page["next_cursor"] is None


async def test_a_user_sees_only_its_own_jobs_and_a_service_all(api: ApiUnderTest) -> None:
    ada, bob = await api.job("ada"), await api.job("bob")
    hers = await api.http.get("/api/jobs", headers=await api.key_for("ada"))

    assert [job["code"] for job in hers.json()["data"]] == [ada]
    assert await codes(api) == [bob, ada]


async def test_statuses_are_named_or_numbered_and_may_be_several(api: ApiUnderTest) -> None:
    draft, queued, canceled = [await api.job("ada") for _ in range(3)]
    await api.push(queued, JobStatus.QUEUED)
    await api.push(canceled, JobStatus.CANCELED)

    assert await codes(api, status="QUEUED") == [queued]
    assert await codes(api, status=9) == [canceled]
    assert await codes(api, status=["DRAFT", "2"]) == [queued, draft]


async def test_model_and_time_narrow_the_list(api: ApiUnderTest) -> None:
    code = await api.job("ada")
    now = datetime.now(UTC)

    assert await codes(api, model="replicate_imageupscale_v1") == [code]
    assert await codes(api, model="ttapi_midjourney_v7") == []
    assert await codes(api, created_after=(now - timedelta(minutes=1)).isoformat()) == [code]
    assert await codes(api, created_before=(now - timedelta(minutes=1)).isoformat()) == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=101", "/query/limit"),
        ("limit=0", "/query/limit"),
        ("status=LOST", "/query/status"),
        ("status=99", "/query/status"),
        ("created_after=2026-11-21T10:00:00", "/query/created_after"),
        ("created_after=0001-01-01T00:00:00%2B23:59", "/query/created_after"),
        ("offset=10", "/query/offset"),
    ],
)
async def test_a_wrong_query_is_named(shared_api: ApiUnderTest, query: str, pointer: str) -> None:
    answer = await shared_api.http.get(f"/api/jobs?{query}")

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_cursor_must_be_one_of_the_callers_own(api: ApiUnderTest) -> None:
    of_bob = await api.job("bob")
    answer = await api.http.get(f"/api/jobs?cursor={of_bob}", headers=await api.key_for("ada"))

    assert answer.status_code == 422
    assert (await api.http.get("/api/jobs?cursor=nonsense")).status_code == 422
