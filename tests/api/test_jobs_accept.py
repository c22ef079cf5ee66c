"""Creating a job: what is accepted and refused; a refused job reserves no points."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from httpx import Response
from temporalio.client import Client

from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.scopes import Scope
from tests.api.conftest import started_run
from tests.api.installation import PHOTO_URL, UPSCALE, ApiUnderTest, opened_installation
from tests.api.pictures import picture

FIELDS = """code user_id photo_review_analysis_code type action channel platform model model_id model_name model_version
asyn output_count priority create_date start_at expires_at req_time resp_time cost_time out_id job_status needs_review
job_status_name job_status_desc unit_progress overall_progress metadata outputs error
progress_estimated estimate waiting points charged cost origin actions"""


async def points_used(api: ApiUnderTest, user: str = "ada") -> int:
    answer = await api.http.get("/api/points", headers={"Aijobs-User": user})
    used: int = answer.json()["used"]
    return used


async def test_a_job_is_answered_with_its_code_and_where_to_find_it(shared_api: ApiUnderTest) -> None:
    answer = await shared_api.submit("ada", metadata={"album": "holidays"})

    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/jobs/{job['code']}"
    assert list(job) == FIELDS.split()
    assert (job["user_id"], job["job_status_name"], job["job_status_desc"]) == ("ada", "DRAFT", "草稿")
    assert (job["platform"], job["metadata"], job["outputs"]) == ("Replicate", {"album": "holidays"}, [])
    assert (await shared_api.http.get(answer.headers["Location"])).json() == job


async def test_an_accepted_job_has_a_workflow_and_has_reserved_its_points(api: ApiUnderTest, temporal: Client) -> None:
    code = await api.job("ada")

    description = await started_run(temporal, code)
    assert description.workflow_type == "AiJob"
    priority = description.raw_description.workflow_execution_info.priority
    assert (priority.priority_key, priority.fairness_key) == (3, hashlib.sha256(b"ada").hexdigest())
    assert await points_used(api) == 2


async def test_a_job_is_accepted_while_temporal_is_down(without_temporal: ApiUnderTest) -> None:
    code = await without_temporal.job("ada")

    assert (await without_temporal.http.get(f"/api/jobs/{code}")).json()["job_status"] == JobStatus.DRAFT


async def test_a_job_goes_before_others_by_a_scope(shared_api: ApiUnderTest) -> None:
    order = {"model_id": UPSCALE, "params": {"image": PHOTO_URL}}
    own = await shared_api.key_for("ada", Scope.JOBS_WRITE)

    async def answer(priority: object, **key: Any) -> Response:
        return await shared_api.http.post("/api/jobs", json={**order, "priority": priority, "user_id": "ada"}, **key)

    assert (await answer(1)).json()["priority"] == 1
    assert (await answer(5, headers=own)).json()["priority"] == 5
    refused = await answer(2, headers=own)
    assert (refused.status_code, refused.json()["detail"]) == (
        403,
        "This needs a service key with the scope jobs:priority.",
    )
    for wrong in (0, 6, 2.5, "1", None):
        problem = (await answer(wrong)).json()
        assert (problem["status"], problem["errors"][0]["pointer"]) == (422, "/priority")


async def test_a_number_is_a_fine_user_id(shared_api: ApiUnderTest) -> None:
    answer = await shared_api.http.post(
        "/api/jobs", json={"model_id": UPSCALE, "params": {"image": PHOTO_URL}, "user_id": 4711}
    )

    assert answer.json()["user_id"] == "4711"


async def test_an_uploaded_photo_can_be_named(shared_api: ApiUnderTest) -> None:
    file = (await shared_api.upload(picture())).json()

    assert (await shared_api.submit("ada", params={"image": file["code"]})).status_code == 202


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"model_id": "nobody_knows_v1"}, "/model_id"),
        ({"model_id": 5}, "/model_id"),
        ({"params": {}}, "/params/image"),
        ({"params": {"image": "ftp://example.com/photo.jpg"}}, "/params/image"),
        ({"params": {"image": PHOTO_URL, "upscale_factor": 3}}, "/params/upscale_factor"),
        ({"params": {"image": PHOTO_URL, "upscale_factor": "4"}}, "/params/upscale_factor"),
        ({"params": {"image": PHOTO_URL, "face_enhancement_strength": 2}}, "/params/face_enhancement_strength"),
        ({"params": {"image": PHOTO_URL, "a/b": 1}}, "/params/a~1b"),
        ({"params": {"image": "file_00000000000000000000000000"}}, "/params/image"),
        ({"params": "image"}, "/params"),
        ({"output_count": 0}, "/output_count"),
        ({"output_count": -1}, "/output_count"),
        ({"output_count": 2}, "/output_count"),
        ({"output_count": 10**30}, "/output_count"),
        ({"output_count": 1.5}, "/output_count"),
        ({"output_count": True}, "/output_count"),
        ({"metadata": {"album": 1}}, "/metadata/album"),
        ({"metadata": {f"key{n}": "" for n in range(17)}}, "/metadata"),
        ({"callback_url": "javascript:alert(1)"}, "/callback_url"),
        ({"callback_url": "https://"}, "/callback_url"),
        ({"callback_url": "https://example.com:0/"}, "/callback_url"),
        ({"user_id": ""}, "/user_id"),
        ({"user_id": "a" * 201}, "/user_id"),
        ({"user_id": "a\nb"}, "/user_id"),
        ({"user_id": True}, "/user_id"),
        ({"user_id": 1.5}, "/user_id"),
        ({"surprise": 1}, "/surprise"),
    ],
)
async def test_what_is_wrong_is_named(shared_api: ApiUnderTest, change: dict[str, Any], pointer: str) -> None:
    body = {"model_id": UPSCALE, "params": {"image": PHOTO_URL}, "user_id": "careless", **change}

    answer = await shared_api.http.post("/api/jobs", json=body)

    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"].removesuffix("/str").removesuffix("/int") for error in answer.json()["errors"]]
    assert await points_used(shared_api, "careless") == 0


async def test_every_wrong_field_is_named_at_once_and_nothing_is_echoed(shared_api: ApiUnderTest) -> None:
    answer = await shared_api.submit(
        params={"image": 7, "upscale_factor": "secret-value", "enhance_model": "secret-value"}
    )

    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {"/params/image", "/params/upscale_factor", "/params/enhance_model"}
    assert "secret-value" not in answer.text


async def test_a_model_without_a_key_is_refused_and_says_so(shared_api: ApiUnderTest) -> None:
    answer = await shared_api.submit(model_id="ttapi_midjourney_v7", params={"prompt": "a lighthouse"})

    assert (answer.status_code, answer.json()["code"]) == (422, "model_not_configured")
    assert "ttapi" in answer.json()["detail"]


async def test_somebody_elses_photo_is_not_there(shared_api: ApiUnderTest) -> None:
    file = (await shared_api.upload(picture(), user="eve")).json()

    answer = await shared_api.submit("ada", params={"image": file["code"]})

    assert answer.json()["errors"] == [{"pointer": "/params/image", "message": "There is no such file of this user."}]


async def test_a_days_points_cannot_be_overspent(api: ApiUnderTest, key: str) -> None:
    async with opened_installation(replace(api.dependencies, daily_limit=3), key) as poor:
        first, second = await poor.submit("ada"), await poor.submit("ada")
        other = await poor.submit("bob")

    assert (first.status_code, other.status_code) == (202, 202)
    assert (second.status_code, second.json()["code"]) == (402, "points_exhausted")
    assert "1 of 3" in second.json()["detail"]
