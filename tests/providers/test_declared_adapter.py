"""What is done with a declaration, against a scripted vendor."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pytest

from aijobs.adapters.network.http_client import MAX_BODY
from aijobs.domain.errors import ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.submissions import (
    Accepted,
    Rejected,
    Unknown,
)
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Charge, InputFile, Task
from aijobs.providers.declared.webhooks import secret_of_submission
from tests.providers.acme_vendor import ACME, KEY, Vendor
from tests.providers.scripted_vendor import Behaviours

REF: Final = {"id": "7"}
answers = Behaviours.answers


async def test_a_request_is_built_as_declared(acme: Vendor, task: Task) -> None:
    provider, vendor = await acme(answers(200, {"job": {"id": 7, "link": f"{'x'}"}}))
    request = provider.build_request(task)

    outcome = await provider.submit(request)

    assert request == provider.build_request(task)
    assert KEY.get_secret_value() not in repr(request)
    assert outcome == Accepted({"id": "7", "link": "x"})
    received = vendor.received[0]
    assert received.path == "/v2/models/acme/small%20one/jobs"
    assert received.headers["authorization"] == f"Bearer {KEY.get_secret_value()}"
    assert (received.headers["idempotency-key"], received.headers["version"]) == ("job-token-1", "2026-01-01")
    secret = secret_of_submission(KEY, "token-1")
    assert received.document == {
        "tag": "token-1",
        "hook": {"url": "https://us.example/hooks/token-1", "secret": secret},
        "count": 2,
        "input": {"prompt": "a cat"},
    }


async def test_without_a_webhook_its_places_are_left_out(acme: Vendor, task: Task) -> None:
    provider, _ = await acme()

    request = provider.build_request(replace(task, webhook_url=None))

    assert request.body["hook"] == {}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (429, {"error": {"code": "credit", "text": "pay"}}, "provider_blocked"),
        (429, {"error": {"code": "rate"}}, "provider_throttled"),
        (503, {}, "provider_throttled"),
        (500, {"error": {"code": "policy"}}, "provider_rejected"),
        (422, {"error": {"text": f"bad key {KEY.get_secret_value()}"}}, "provider_rejected"),
        (404, {}, None),
        (200, {"id": "7"}, None),
        (302, {"job": {"id": "7"}}, None),
        (200, b"<html>Sign in</html>", None),
        (200, b" " * (MAX_BODY + 1), None),
    ],
)
async def test_answers_to_a_create_are_read_by_its_table(
    acme: Vendor, task: Task, status: int, body: Any, code: str | None
) -> None:
    provider, vendor = await acme(answers(status, body))

    outcome = await provider.submit(provider.build_request(task))

    assert vendor.connections == 1
    if code is None:
        assert isinstance(outcome, Unknown)
    else:
        assert isinstance(outcome, Rejected)
        assert outcome.code == code
        assert KEY.get_secret_value() not in outcome.message


@pytest.mark.parametrize(
    ("job", "status", "unit"),
    [
        ({"state": "waiting", "ahead": 3}, JobStatus.QUEUED, None),
        ({"state": "running", "progress": 41.5}, JobStatus.PROCESSING, 41.5),
        ({"state": "running", "progress": "46%"}, JobStatus.PROCESSING, 46.0),
        ({"state": "running", "progress": True}, JobStatus.PROCESSING, None),
        ({"state": "running", "progress": "soon"}, JobStatus.PROCESSING, None),
        ({"state": "running", "progress": 9e999}, JobStatus.PROCESSING, None),
        ({"state": "pondering"}, JobStatus.PROCESSING, None),
        ({"state": "done"}, JobStatus.GENERATED, None),
        ({"state": "broken", "error": "why"}, JobStatus.FAILED, None),
        ({"state": "stopped"}, JobStatus.CANCELED, None),
        ({"state": "late"}, JobStatus.TIMEOUT, None),
    ],
)
async def test_statuses_are_read_as_declared(
    acme: Vendor, job: dict[str, Any], status: JobStatus, unit: float | None
) -> None:
    provider, vendor = await acme(answers(200, json.dumps({"job": job}).replace("Infinity", "1e999").encode()))

    snapshot = await provider.query(REF)

    assert (snapshot.status, snapshot.unit_progress) == (status, unit)
    assert snapshot.final == (status in {JobStatus.GENERATED, JobStatus.FAILED, JobStatus.CANCELED, JobStatus.TIMEOUT})
    assert snapshot.queue_position == job.get("ahead")
    assert vendor.received[0].path == "/v2/jobs/7"


@pytest.mark.parametrize("price", [0.5, "0.5"])
async def test_a_failure_says_why_and_what_it_costs(acme: Vendor, price: object) -> None:
    provider, _ = await acme(answers(200, {"job": {"state": "broken", "error": {"text": "no"}, "price": price}}))

    snapshot = await provider.query(REF)

    assert snapshot.error is not None
    assert (snapshot.error.code, snapshot.error.message) == ("provider_failed", "no")
    assert snapshot.charge == Charge(amount=Decimal("0.5"), unit="USD")
    assert snapshot.poll_after == timedelta(seconds=5)


@pytest.mark.parametrize("answer", [answers(404), answers(410), answers(200, {"job": {"state": "unknown"}})])
async def test_not_found_is_no_failure(acme: Vendor, answer: Any) -> None:
    provider, _ = await acme(answer)

    snapshot = await provider.query(REF)

    assert not snapshot.definite
    assert not snapshot.final


@pytest.mark.parametrize(
    "answer",
    [
        answers(200, b"<html>"),
        answers(200, {"status": "succeeded", "id": "of another vendor"}),
        answers(200, [1]),
        answers(401, {"error": {"text": "no key"}}),
        answers(302, b"", Location="http://169.254.169.254/"),
        answers(200, b" " * (MAX_BODY + 1)),
        answers(503),
    ],
)
async def test_an_answer_that_says_nothing_about_the_job_is_asked_for_again(acme: Vendor, answer: Any) -> None:
    provider, vendor = await acme(answer)

    with pytest.raises(ProviderUnavailable):
        await provider.query(REF)
    assert vendor.connections == 1


@pytest.mark.parametrize(
    "link",
    [
        *("http://169.254.169.254/jobs/7", "https://evil.example/jobs/7", "http://eu.acme.example/7"),
        *("//evil.example/7", "https://[evil", "https://eu.acme.example:x/7"),
    ],
)
async def test_the_key_is_sent_to_no_other_host(acme: Vendor, link: str) -> None:
    provider, vendor = await acme(answers(200, {}))

    with pytest.raises(ProviderUnavailable, match="another host"):
        await provider.query({**REF, "link": link})
    assert vendor.connections == 0


async def test_a_parameter_that_no_header_can_hold_is_refused_before_it_is_sent(acme: Vendor, task: Task) -> None:
    provider, vendor = await acme(toml=ACME.replace('Version = "2026-01-01"', 'Title = "{params.prompt}"'))

    with pytest.raises(ProviderFailed, match="header Title"):
        provider.build_request(replace(task, params={"prompt": "a cat\nX-Evil: 1"}))
    assert vendor.connections == 0


async def test_a_vendors_link_is_used_as_it_is(acme: Vendor) -> None:
    provider, vendor = await acme(answers(200, {"job": {"state": "done"}}))

    await provider.query({**REF, "link": f"{vendor.url}/elsewhere?x=1%20"})

    assert vendor.received[0].path == "/elsewhere?x=1%20"


async def test_outputs_of_every_shape(acme: Vendor) -> None:
    inline = [{"url": "data:image/png;base64,aGk="}, {"url": "data:text/plain,h%C3%A9"}, {"data": "aG8="}]
    files = [{"url": "https://cdn.acme.example/a.png"}, *inline]
    provider, vendor = await acme(answers(200, {"job": {"state": "done"}}), answers(200, {"files": files}))

    sources = await provider.outputs(REF, await provider.query(REF))

    found = [source.url or source.content for source in sources]
    assert found == ["https://cdn.acme.example/a.png", b"hi", "hé".encode(), b"ho"]
    assert all(source.headers == {} for source in sources)  # the key is for its API alone
    assert vendor.received[1].path == "/v2/jobs/7/files"


async def test_a_download_below_the_api_needs_the_key_where_declared(acme: Vendor) -> None:
    provider, vendor = await acme(answers(200, {"job": {"state": "done"}}))
    vendor.behaviours = (vendor.behaviours[0], answers(200, {"files": [{"url": f"{vendor.url}/v2/files/1"}]}))

    (source,) = await provider.outputs(REF, await provider.query(REF))

    assert source.headers["Authorization"].startswith("Bearer")


@pytest.mark.parametrize("body", [{"files": []}, {"files": None}, {}])
async def test_no_outputs_are_no_outputs(acme: Vendor, body: dict[str, Any]) -> None:
    provider, _ = await acme(answers(200, {"job": {"state": "done"}}), answers(200, body))

    assert await provider.outputs(REF, await provider.query(REF)) == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (answers(404), "no results any more"),
        (answers(200, {"files": [{"data": "!"}]}), "base64"),
        (answers(200, {"files": [{"data": "é"}]}), "base64"),
        (answers(200, {"files": [{"url": "data:image/png;base64,!"}]}), "data link"),
        (answers(200, {"files": [{"url": "https://[cdn"}]}), "gives a link that is none"),
    ],
)
async def test_results_that_are_gone_or_broken_are_final(acme: Vendor, answer: Any, error: str) -> None:
    provider, _ = await acme(answers(200, {"job": {"state": "done"}}), answer)

    with pytest.raises(ProviderFailed, match=error):
        await provider.outputs(REF, await provider.query(REF))


@pytest.mark.parametrize("size", [3, 1001])
async def test_an_upload_travels_inside_of_the_request(acme: Vendor, size: int) -> None:
    provider, _ = await acme()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"a" * size

    file = InputFile(name="a.png", media_type="image/png", size=size, chunks=chunks)

    if size > 1000:
        with pytest.raises(ProviderFailed, match="up to 1000 bytes"):
            await provider.attach(file, token="token-1")
    else:
        assert await provider.attach(file, token="token-1") == "data:image/png;base64,YWFh"


async def test_a_finished_answer_says_where_the_results_are(acme: Vendor) -> None:
    toml = ACME.replace(
        'path = "/jobs/{ref.id}/files"', 'names = { file = "job.price" }\npath = "/files?id={finished.file}"'
    )
    files = answers(200, {"files": [{"url": "https://cdn.acme.example/7.png"}]})
    provider, vendor = await acme(answers(200, {"job": {"state": "done", "price": 4}}), files, toml=toml)

    finished = await provider.query(REF)
    (source,) = await provider.outputs(REF, finished)
    with pytest.raises(ProviderFailed, match="does not say where"):
        await provider.outputs(REF, replace(finished, raw={"job": {"state": "done"}}))

    assert source.url == "https://cdn.acme.example/7.png"
    assert vendor.received[1].path == "/v2/files?id=4"
