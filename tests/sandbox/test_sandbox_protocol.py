"""Peculiarities of Replicate's protocol, as recorded."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from sandbox.config import SandboxConfig
from sandbox.server import RunningSandbox, running
from sandbox.vendors.replicate.rate_limits import RateLimit
from tests.sandbox.caller import SandboxCaller
from tests.sandbox.conftest import FAST, plain_client
from tests.sandbox.customer import UPSCALE, RawReplicateClient


async def test_a_new_prediction_is_starting_and_has_no_output_key(customer: RawReplicateClient) -> None:
    reply = await customer.post()

    prediction = reply.json()
    assert reply.status_code == 201
    assert prediction["status"] == "starting"
    assert prediction["version"] == "hidden"
    assert not {"output", "data_removed"} & set(prediction)
    assert re.fullmatch(r"[a-z0-9]{26}", prediction["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", prediction["created_at"])


async def test_a_finished_prediction_says_how_long_it_took(customer: RawReplicateClient) -> None:
    prediction = await customer.finished()

    assert prediction["status"] == "succeeded"
    assert prediction["metrics"]["predict_time"] >= 0.06
    assert prediction["data_removed"] is False
    assert re.search(r"^100%\|█{10}\| 50/50 \[\d\d:\d\d<00:00, .*it/s\]$", prediction["logs"], re.MULTILINE)


async def test_every_reply_carries_the_rate_limit(customer: RawReplicateClient) -> None:
    reply = await customer.post()

    assert int(reply.headers["ratelimit-remaining"]) < 600
    assert int(reply.headers["ratelimit-reset"]) >= 1


async def test_too_many_creates_are_throttled_and_cost_nothing(caller: SandboxCaller) -> None:
    config = SandboxConfig(port=0, pace=FAST, rules=(RateLimit(creates_per_minute=2),))
    async with running(config) as sandbox, plain_client(sandbox.url) as http:
        replies = [await RawReplicateClient(http, photo=caller.photo).post() for _ in range(3)]

        assert [reply.status_code for reply in replies] == [201, 201, 429]
        seconds = replies[2].headers["retry-after"]
        assert 0 < int(seconds) <= 30  # some of them have passed already
        assert replies[2].json()["detail"] == f"Request was throttled. Your rate limit resets in ~{seconds}s."
        assert len(sandbox.ledger()) == 2


@pytest.mark.parametrize("authorization", ["", "Bearer", "Basic abc", "r8_bare"])
async def test_a_call_without_a_token_is_refused(customer: RawReplicateClient, authorization: str) -> None:
    reply = await customer.post(headers={"Authorization": authorization})

    assert reply.status_code == 401
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json() == {
        "title": "Unauthenticated",
        "detail": "You did not pass a valid authentication token",
        "status": 401,
    }


async def test_only_listed_tokens_are_accepted_when_there_is_a_list(caller: SandboxCaller) -> None:
    config = SandboxConfig(port=0, tokens=frozenset({"r8_mine"}))
    async with running(config) as sandbox, plain_client(sandbox.url) as http:
        refused = await http.get("/v1/account", headers={"Authorization": "Bearer r8_yours"})
        accepted = await http.get("/v1/account", headers={"Authorization": "Token r8_mine"})

    assert (refused.status_code, accepted.status_code) == (401, 200)


@pytest.mark.parametrize(
    ("inputs", "type_", "field"),
    [
        ({"output_format": "gif"}, "enum", "input.output_format"),
        ({"enhance_model": "Standard"}, "enum", "input.enhance_model"),
        ({"upscale_factor": "8x"}, "enum", "input.upscale_factor"),
        ({"upscale_factor": 2}, "invalid_type", "input.upscale_factor"),
        ({"face_enhancement": "yes"}, "invalid_type", "input.face_enhancement"),
        ({"face_enhancement_strength": 1.5}, "number_lte", "input.face_enhancement_strength"),
        ({"face_enhancement_creativity": -1}, "number_gte", "input.face_enhancement_creativity"),
        ({"image": "photo.png"}, "format", "input.image"),
        ({"prompt": "a lighthouse"}, "additional_property_not_allowed", "input"),
    ],
)
async def test_a_wrong_input_is_a_422_that_names_the_field(
    customer: RawReplicateClient, sandbox: RunningSandbox, inputs: dict[str, Any], type_: str, field: str
) -> None:
    reply = await customer.post(**inputs)

    assert reply.status_code == 422
    assert reply.json()["title"] == "Input validation failed"
    assert [(one["type"], one["field"]) for one in reply.json()["invalid_fields"]] == [(type_, field)]
    assert sandbox.ledger() == []


async def test_a_wrong_input_is_described_in_the_recorded_words(customer: RawReplicateClient) -> None:
    reply = await customer.post(output_format="gif")

    expected = '- input.output_format: output_format must be one of the following: "jpg", "png"\n'
    assert reply.json()["detail"] == expected


async def test_a_missing_image_is_named(http: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    reply = await http.post(UPSCALE, json={"input": {}})

    assert reply.json()["invalid_fields"] == [
        {"type": "required", "field": "input", "description": "image is required"}
    ]


@pytest.mark.parametrize("extra", ["metadata", "idempotency_key", "version", "webhook_completed"])
async def test_keys_that_the_api_does_not_know_are_refused(customer: RawReplicateClient, extra: str) -> None:
    reply = await customer.post(body={extra: "x"})

    assert reply.status_code == 422
    assert reply.json()["invalid_fields"][0]["type"] == "additional_property_not_allowed"


async def test_an_unknown_version_is_refused(http: httpx.AsyncClient, customer: RawReplicateClient) -> None:
    reply = await http.post("/v1/predictions", json={"version": "0" * 64, "input": {"image": customer.photo}})

    assert reply.status_code == 422
    assert reply.json()["title"] == "Invalid version or not permitted"


@pytest.mark.parametrize("path", ["/v1/predictions/nobody", "/v1/models/acme/rocket", "/v1/files/nothing"])
async def test_what_does_not_exist_is_a_404(http: httpx.AsyncClient, sandbox: RunningSandbox, path: str) -> None:
    reply = await http.get(path)

    assert reply.status_code == 404
    assert reply.json()["status"] == 404


async def test_a_blocking_create_comes_back_as_processing_with_its_output(customer: RawReplicateClient) -> None:
    reply = await customer.post(headers={"Prefer": "wait=5"})

    assert reply.status_code == 201
    assert reply.headers["preference-applied"] == "wait=5"
    assert reply.json()["status"] == "processing"
    assert reply.json()["output"].startswith("http")
    assert (await customer.get(reply.json()["id"]))["status"] == "succeeded"


async def test_a_blocking_create_that_runs_out_of_time_comes_back_as_starting(customer: RawReplicateClient) -> None:
    reply = await customer.post(headers={"Prefer": "wait=1"}, fault="never_finishes")

    assert reply.status_code == 202
    assert reply.json()["status"] == "starting"
    assert (await customer.get(reply.json()["id"]))["status"] == "processing"


async def test_the_deadline_aborts_what_waits_and_cancels_what_runs(caller: SandboxCaller) -> None:
    config = SandboxConfig(port=0, pace=FAST, shortest_deadline=timedelta(seconds=1))
    async with running(config) as sandbox, plain_client(sandbox.url) as http:
        customer = RawReplicateClient(http, photo=caller.photo)
        soon = {"Cancel-After": "1s"}
        waiting = await customer.create(fault="never_starts", headers=soon)
        working = await customer.create(fault="never_finishes", headers=soon)
        waiting, working = await asyncio.gather(customer.until(waiting["id"]), customer.until(working["id"]))
        charges = [row.charge for row in sandbox.ledger()]

    assert (waiting["status"], working["status"]) == ("aborted", "canceled")
    assert working["deadline"] <= working["completed_at"]
    assert charges == ["free", "time_only"]


@pytest.mark.parametrize("too_short", ["4", "0s", "", "soon", "1d"])
async def test_a_deadline_below_five_seconds_is_refused(customer: RawReplicateClient, too_short: str) -> None:
    assert (await customer.post(headers={"Cancel-After": too_short})).status_code == 422


async def test_the_deadline_counts_from_creation(customer: RawReplicateClient) -> None:
    prediction = await customer.create(headers={"Cancel-After": "1h30m45s"})

    created, deadline = (datetime.fromisoformat(prediction[key][:26]) for key in ("created_at", "deadline"))
    assert deadline - created == timedelta(hours=1, minutes=30, seconds=45)


async def test_lists_are_filtered_by_the_time_of_creation(customer: RawReplicateClient) -> None:
    first = await customer.create()
    second = await customer.create()

    assert await customer.listed() == [second["id"], first["id"]]
    assert await customer.listed(created_after=second["created_at"]) == [second["id"]]
    assert await customer.listed(created_before=second["created_at"]) == [first["id"]]
    assert await customer.listed(created_after=(datetime.now(UTC) + timedelta(minutes=1)).isoformat()) == []
    assert await customer.listed(source="web") == []


async def test_a_listed_prediction_carries_its_input_verbatim(
    customer: RawReplicateClient, http: httpx.AsyncClient
) -> None:
    photo = f"{customer.photo}?a=attempt-7"
    await customer.create(image=photo)

    listed = (await http.get("/v1/predictions")).json()

    assert listed["results"][0]["input"] == {"image": photo}


async def test_canceling_what_has_ended_changes_nothing(customer: RawReplicateClient) -> None:
    prediction = await customer.finished()

    reply = await customer.cancel(prediction["id"])

    assert reply.status_code == 200
    assert reply.json() == prediction


async def test_output_input_and_logs_are_erased_after_the_retention(caller: SandboxCaller) -> None:
    config = SandboxConfig(port=0, pace=FAST, retention=timedelta(seconds=0.5))
    async with running(config) as sandbox, plain_client(sandbox.url) as http:
        customer = RawReplicateClient(http, photo=caller.photo)
        finished = await customer.finished()
        await asyncio.sleep(0.6)
        erased = await customer.get(finished["id"])
        download = await http.get(finished["output"])

    assert (erased["status"], erased["data_removed"]) == ("succeeded", True)
    assert (erased["output"], erased["input"], erased["logs"]) == (None, {}, "")
    assert download.status_code == 404


async def test_links_expire_and_a_new_get_brings_a_fresh_one(caller: SandboxCaller) -> None:
    config = SandboxConfig(port=0, pace=FAST, link_ttl=timedelta(seconds=0.8))
    async with running(config) as sandbox, plain_client(sandbox.url) as http:
        finished = await RawReplicateClient(http, photo=caller.photo).finished()
        alive = await http.get(finished["output"])
        await asyncio.sleep(0.9)
        expired = await http.get(finished["output"])
        fresh = await http.get((await http.get(finished["urls"]["get"])).json()["output"])

    assert [reply.status_code for reply in (alive, expired, fresh)] == [200, 404, 200]


async def test_a_forged_link_opens_nothing(customer: RawReplicateClient, http: httpx.AsyncClient) -> None:
    link = (await customer.finished())["output"]

    assert (await http.get(link.replace("output.jpg", "output.png"))).status_code == 404
    assert (await http.get(link.replace("/delivery/", "/delivery/f"))).status_code == 404


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("http://127.0.0.1:9/none.png", "could not download"),
        ("{caller}/missing.png", "HTTP Error 404"),
        ("{caller}/page.html", "cannot identify image file"),
        ("data:image/png;base64,AAAA", "cannot identify image file"),
        ("data:image/png;base64,!!!", "not base64"),
        ("data:image/png;base64," + "A" * 300_000, "256 kB"),
        ("{sandbox}/v1/files/gone", "does not exist or has expired"),
    ],
)
async def test_an_unusable_input_ends_in_failed_with_the_reason(
    customer: RawReplicateClient, caller: SandboxCaller, sandbox: RunningSandbox, image: str, words: str
) -> None:
    prediction = await customer.finished(image=image.format(caller=caller.url, sandbox=sandbox.url))

    assert prediction["status"] == "failed"
    assert words in prediction["error"]
    assert prediction["output"] is None


async def test_a_picture_that_would_become_too_large_fails(caller: SandboxCaller) -> None:
    config = SandboxConfig(port=0, pace=FAST, max_output_pixels=10_000)
    async with running(config) as sandbox, plain_client(sandbox.url) as http:
        prediction = await RawReplicateClient(http, photo=caller.photo).finished(upscale_factor="6x")

    assert prediction["status"] == "failed"
    assert "43200 pixels" in prediction["error"]


async def test_an_upload_above_the_limit_is_a_413(caller: SandboxCaller) -> None:
    async with running(SandboxConfig(port=0, max_file_bytes=1_000)) as sandbox, plain_client(sandbox.url) as http:
        replies = [await http.post("/v1/files", files={"content": ("big.bin", b"x" * size)}) for size in (2_000, 10**6)]

    assert [reply.status_code for reply in replies] == [413, 413]
    assert replies[0].json()["detail"] == "Files must be less than 100MB in size"


@pytest.mark.parametrize("garbage", [b"", b"{", b"[" * 100_000, b'{"input": {"face_enhancement_strength": NaN}}'])
async def test_a_body_that_is_not_json_is_a_400(
    http: httpx.AsyncClient, sandbox: RunningSandbox, garbage: bytes
) -> None:
    assert (await http.post(UPSCALE, content=garbage)).status_code == 400
