"""One job: who may see it, its exchange with the provider, and cancellation."""

from temporalio.client import Client

from aijobs.domain.jobs.submissions import Accepted, ProviderRequest
from aijobs.domain.lifecycle import JobStatus
from tests.api.installation import ApiUnderTest
from workflows.job.endings import CANCELED_BY_OWNER


async def test_somebody_elses_job_is_not_there(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")
    eve = await shared_api.key_for("eve")

    for path in ("", "/events", "/outputs", "/outputs/0"):
        assert (await shared_api.http.get(f"/api/jobs/{code}{path}", headers=eve)).status_code == 404
    assert (await shared_api.http.post(f"/api/jobs/{code}/cancel", headers=eve)).status_code == 404
    assert (await shared_api.http.get(f"/api/jobs/{code}", headers={"Aijobs-User": "eve"})).status_code == 404


async def test_what_cannot_be_a_code_is_not_there(shared_api: ApiUnderTest) -> None:
    for code in ("job_1", "%00", "job_" + "U" * 26, "x" * 3000):
        assert (await shared_api.http.get(f"/api/jobs/{code}")).status_code == 404


async def test_a_job_is_shown_as_it_stands(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")
    await shared_api.push(code, JobStatus.SUBMITTED, JobStatus.PROCESSING)
    await shared_api.dependencies.records.gate.progress(code, JobStatus.PROCESSING, 100)
    job = (await shared_api.http.get(f"/api/jobs/{code}")).json()

    assert (job["job_status"], job["unit_progress"], job["overall_progress"]) == (3, 100.0, 66.67)
    assert job["req_time"].endswith("Z")


async def test_a_bad_end_is_shown_with_its_reason(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")
    await shared_api.push(code, JobStatus.FAILED)

    error = (await shared_api.http.get(f"/api/jobs/{code}")).json()["error"]
    assert error == {"code": "test", "message": "As the test wants it.", "stage": "processing"}


async def test_the_exchange_is_shown_on_request_without_secrets(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")
    body = {
        "input": {"image": "https://s3.example.com/a.jpg?X-Amz-Signature=abc&X-Amz-Expires=9", "api_key": "abc"},
        "webhook": "https://aijobs.example.com/api/webhooks/replicate/planted",
        "link": "https://user:pass@example.com/?page=2",
    }
    request = ProviderRequest("POST", "https://shared_api.example.com/v1", body, {"Authorization": "Bearer abc"})
    records = shared_api.dependencies.records
    submission = await records.submissions.intend(code, provider="replicate", token="planted", request=request)
    await records.submissions.conclude(submission, Accepted({"id": "p1"}))
    await records.gate.advance(code, JobStatus.GENERATED, response={"id": "p1", "metrics": {"output_tokens": 7}})

    plain = (await shared_api.http.get(f"/api/jobs/{code}")).json()
    job = (await shared_api.http.get(f"/api/jobs/{code}?expand=exchange")).json()

    assert "req_json" not in plain
    assert job["req_json"]["headers"] == {"Authorization": "***"}
    assert job["req_json"]["body"] == {
        "input": {"image": "https://s3.example.com/a.jpg?***", "api_key": "***"},
        "webhook": "https://aijobs.example.com/api/webhooks/replicate/***",
        "link": "https://example.com/?page=2",
    }
    assert job["resp_json"] == {"id": "p1", "metrics": {"output_tokens": 7}}


async def test_a_cancel_reaches_the_workflow_without_the_callers_words(
    shared_api: ApiUnderTest, temporal: Client
) -> None:
    code = await shared_api.job("ada")
    answer = await shared_api.http.post(f"/api/jobs/{code}/cancel", json={"reason": "changed my mind"})

    history = await temporal.get_workflow_handle(code).fetch_history()
    requested = [event.workflow_execution_cancel_requested_event_attributes.cause for event in history.events]
    assert (answer.status_code, answer.json()["code"]) == (202, code)
    assert CANCELED_BY_OWNER in requested
    assert "changed my mind" not in str(history.events)


async def test_a_job_that_was_never_started_can_be_canceled(
    without_temporal: ApiUnderTest, api: ApiUnderTest, temporal: Client
) -> None:
    code = await without_temporal.job("ada")
    down = await without_temporal.http.post(f"/api/jobs/{code}/cancel")
    up = await api.http.post(f"/api/jobs/{code}/cancel")

    assert (down.status_code, down.json()["code"]) == (503, "temporal_unavailable")
    assert down.headers["Retry-After"] == "5"
    assert up.status_code == 202
    assert (await temporal.get_workflow_handle(code).describe()).workflow_type == "AiJob"


async def test_a_second_cancel_is_no_error(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")

    assert [(await shared_api.http.post(f"/api/jobs/{code}/cancel")).status_code for _ in range(2)] == [202, 202]


async def test_a_finished_job_cannot_be_canceled(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")
    await shared_api.push(code, JobStatus.CANCELED)
    answer = await shared_api.http.post(f"/api/jobs/{code}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (409, "job_is_final")
