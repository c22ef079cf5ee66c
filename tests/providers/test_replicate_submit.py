"""Submitting a job to Replicate: the request, and the outcome for each response."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aijobs.adapters.network.http_client import Timeouts
from aijobs.domain.catalogue import Deadlines, Model
from aijobs.domain.jobs.submissions import Accepted, ProviderRequest, Rejected, Unknown
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Task
from aijobs.providers.replicate.adapter import cancel_after

At = Callable[..., Awaitable[Any]]
Recorded = Callable[[str], dict[str, Any]]

PARAMS = {"image": "https://our.store/in.png?a=sub_1", "upscale_factor": 4, "output_format": "png"}


def task_of(model: Model, **changes: Any) -> Task:
    plain = Task(job_code="job_1", model=model, params=PARAMS, output_count=1, token="sub_1", webhook_url=None)
    return replace(plain, **changes)


async def outcome(replicate_at: At, vendor_that: At, behaviour: Any, model: Model) -> Any:
    vendor = await vendor_that(behaviour)
    replicate: Provider = await replicate_at(vendor.url)
    got = await replicate.submit(replicate.build_request(task_of(model)))
    assert vendor.connections == 1
    return got


def test_a_request_is_what_replicate_documents(replicate: Provider, upscale: Model) -> None:
    task = task_of(upscale, webhook_url="https://us/hooks/sub_1")

    request = replicate.build_request(task)

    assert request == ProviderRequest(
        "POST",
        "https://api.replicate.com/v1/models/topazlabs/image-upscale/predictions",
        {
            "input": {"image": "https://our.store/in.png?a=sub_1", "upscale_factor": "4x", "output_format": "png"},
            "webhook": "https://us/hooks/sub_1",
            "webhook_events_filter": ["start", "completed"],
        },
        {"Cancel-After": "3h"},
    )
    assert replicate.build_request(task) == request


def test_a_stored_request_does_not_hold_the_key(replicate: Provider, upscale: Model) -> None:
    stored = replicate.build_request(task_of(upscale, webhook_url="https://us/hooks/sub_1"))

    assert "r8_" not in repr(stored)
    assert "Bearer" not in repr(stored)


def test_without_a_public_address_no_webhook_is_asked_for(replicate: Provider, upscale: Model) -> None:
    assert replicate.build_request(task_of(upscale)).body.keys() == {"input"}


@pytest.mark.parametrize(
    ("queue", "processing", "written"),
    [
        ("1h", "30m", "1h30m"),
        ("30s", "15s", "45s"),
        ("2h", "61s", "2h1m1s"),
        ("1s", "1s", "5s"),
        ("10s", "500ms", "11s"),
    ],
)
def test_replicate_is_told_when_to_give_up(upscale: Model, queue: str, processing: str, written: str) -> None:
    deadlines = Deadlines.model_validate({**upscale.deadlines.model_dump(), "queue": queue, "processing": processing})

    assert cancel_after(deadlines) == written


def test_a_send_ends_before_its_deadline_does(upscale: Model) -> None:
    assert Timeouts().whole < upscale.deadlines.submit


async def test_what_is_sent_is_the_stored_request_and_the_key(
    replicate_at: At, vendor_that: At, server: Any, upscale: Model, recorded: Recorded
) -> None:
    vendor = await vendor_that(server.answers(201, recorded("created")))
    replicate = await replicate_at(vendor.url)
    request = replicate.build_request(task_of(upscale))

    await replicate.submit(request)

    (received,) = vendor.received
    assert (received.method, received.path) == (
        "POST",
        "/v1/models/topazlabs/image-upscale/predictions",
    )
    assert received.document == request.body
    assert received.headers["authorization"] == "Bearer r8_a_key_that_must_stay_secret"
    assert received.headers["cancel-after"] == "3h"
    assert "prefer" not in received.headers


async def test_the_key_goes_to_replicate_only(
    replicate: Provider, vendor_that: At, server: Any, upscale: Model
) -> None:
    elsewhere = await vendor_that(server.answers(401))

    await replicate.submit(replace(replicate.build_request(task_of(upscale)), url=elsewhere.url))

    assert "authorization" not in elsewhere.received[0].headers


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("recording", ["created", "created_blocking"])
async def test_an_answer_with_an_id_is_accepted_whatever_its_status_says(
    replicate_at: At, vendor_that: At, server: Any, upscale: Model, recorded: Recorded, status: int, recording: str
) -> None:
    prediction = recorded(recording)

    got = await outcome(replicate_at, vendor_that, server.answers(status, prediction), upscale)

    assert isinstance(got, Accepted)
    assert got.ref["id"] == prediction["id"]
    assert got.ref.keys() == {"id", "get", "cancel"}


async def test_odd_values_do_not_lose_the_id(replicate_at: At, vendor_that: At, server: Any, upscale: Model) -> None:
    odd = {"id": "p1", "status": 7, "logs": ["a"], "urls": "none", "input": None, "created_at": "today", "error": {}}

    got = await outcome(replicate_at, vendor_that, server.answers(201, odd), upscale)

    assert isinstance(got, Accepted)


async def test_links_of_the_api_are_used_and_foreign_ones_are_not(
    replicate_at: At, vendor_that: At, server: Any, upscale: Model
) -> None:
    vendor = await vendor_that(
        server.answers(201, {"id": "p1", "urls": {"get": "https://evil.example/p1", "cancel": None}})
    )
    replicate = await replicate_at(vendor.url)

    got = await replicate.submit(replicate.build_request(task_of(upscale)))

    assert got.ref["get"] == f"{vendor.url}/v1/predictions/p1"
    assert got.ref["cancel"] == f"{vendor.url}/v1/predictions/p1/cancel"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>accepted</html>", b'{"id": ', b"[1]", b"null", {}, {"id": None}, {"id": ""}, {"id": 7}, b"[" * 99999],
)
async def test_success_without_a_readable_id_is_unknown(
    replicate_at: At, vendor_that: At, server: Any, upscale: Model, body: Any
) -> None:
    assert isinstance(await outcome(replicate_at, vendor_that, server.answers(201, body), upscale), Unknown)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 415, 422])
async def test_these_answers_surely_mean_that_nothing_was_made(
    replicate_at: At, vendor_that: At, server: Any, upscale: Model, status: int
) -> None:
    problem = {"title": "No", "detail": "You have insufficient credit to run this model.", "status": status}

    got = await outcome(replicate_at, vendor_that, server.answers(status, problem), upscale)

    code = "provider_blocked" if status == 402 else "provider_rejected"
    expected = Rejected(code, str(problem["detail"]), account_must_act=status == 402, once_more=status == 404)
    assert got == expected


@pytest.mark.parametrize("status", [301, 302, 307, 308, 405, 408, 409, 410, 418, 425, 500, 502, 503, 504, 529])
async def test_any_other_answer_is_unknown(
    replicate_at: At, vendor_that: At, server: Any, upscale: Model, status: int
) -> None:
    behaviour = server.answers(status, {"detail": "?"}, Retry_After="1")

    assert isinstance(await outcome(replicate_at, vendor_that, behaviour, upscale), Unknown)


async def test_a_rejection_names_the_wrong_fields(
    replicate_at: At, vendor_that: At, server: Any, upscale: Model
) -> None:
    wrong = 'output_format must be one of the following: "jpg", "png"'
    problem = {
        "detail": f"- input.output_format: {wrong}\n",
        "status": 422,
        "title": "Input validation failed",
        "invalid_fields": [
            {"type": "enum", "field": "input.output_format", "description": wrong},
            {"type": "required", "field": "input.image"},
        ],
    }

    got = await outcome(replicate_at, vendor_that, server.answers(422, problem), upscale)

    assert got.message == f"input.output_format: {wrong}; input.image: required"


async def test_a_rejection_without_words_still_says_something(
    replicate_at: At, vendor_that: At, server: Any, upscale: Model
) -> None:
    got = await outcome(replicate_at, vendor_that, server.answers(403, b"<html>"), upscale)

    assert got.message == "Replicate answered 403"


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        ({"detail": "Slow down."}, {}, None),
        ({"detail": "Slow down.", "retry_after": 4}, {}, 4),
        ({"detail": "Slow down.", "retry_after": 4}, {"Retry_After": "7"}, 7),
        ({"detail": "Request was throttled. Your rate limit resets in ~30s."}, {}, 30),
        ({"detail": "Slow down."}, {"Ratelimit_Reset": "12", "Ratelimit_Remaining": "0"}, 12),
        (b"too many", {}, None),
    ],
)
async def test_a_throttled_submit_may_be_sent_again_when_replicate_says(
    replicate_at: At,
    vendor_that: At,
    server: Any,
    upscale: Model,
    body: Any,
    headers: dict[str, str],
    seconds: float | None,
) -> None:
    got = await outcome(replicate_at, vendor_that, server.answers(429, body, **headers), upscale)

    assert isinstance(got, Rejected)
    assert (got.code, got.may_retry) == ("provider_throttled", True)
    assert got.retry_after == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize("failing", ["drops_at_once", "drops_after_hearing", "resets", "hangs"])
async def test_a_lost_answer_is_unknown(
    replicate_at: At, vendor_that: At, server: Any, upscale: Model, failing: str
) -> None:
    assert isinstance(await outcome(replicate_at, vendor_that, getattr(server, failing), upscale), Unknown)


async def test_when_replicate_cannot_be_reached_it_may_be_sent_again(
    replicate_at: At, refused_url: str, upscale: Model
) -> None:
    replicate = await replicate_at(refused_url)

    got = await replicate.submit(replicate.build_request(task_of(upscale)))

    assert isinstance(got, Rejected)
    assert (got.code, got.may_retry, got.retry_after) == ("provider_unreachable", True, None)


async def test_an_input_that_json_cannot_hold_is_never_sent(
    replicate_at: At, vendor_that: At, server: Any, upscale: Model
) -> None:
    vendor = await vendor_that(server.answers(201, {"id": "p1"}))
    replicate = await replicate_at(vendor.url)
    request = replicate.build_request(task_of(upscale, params={"seed": float("nan")}))

    assert isinstance(await replicate.submit(request), Rejected)
    assert vendor.connections == 0
    assert "NaN" in json.dumps(request.body)
