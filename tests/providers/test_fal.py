"""Traps of fal: URLs used as given, COMPLETED that is a failure, signed webhooks, schemas of endpoints."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import BadInput, NotAuthenticated, ProviderFailed
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.jobs.submissions import Accepted, CancelOutcome, Found, ProviderRequest
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import ModelSource, Provider, WebhookKeySource
from aijobs.domain.provider_io import IncomingWebhook, InputFile, Task
from aijobs.providers.fal.webhook import WebhookKeys
from sandbox.server import RunningSandbox
from tests.providers.conftest import FAL_KEY
from tests.providers.parts import PARTS, PHOTO
from tests.providers.scene import Scene, opened_scene

At = Callable[..., Awaitable[Any]]
REQUEST = "024ca5b1-45d3-4afd-883e-ad3abe2a1c4d"
PUBLIC = "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"  # of the seed 00 01 … 1f
EVENT = {"request_id": REQUEST, "gateway_request_id": REQUEST, "status": "OK", "payload": {"images": []}}


@pytest.fixture
async def fal_scene(sandbox: RunningSandbox, catalogue: Catalogue) -> AsyncIterator[Scene]:
    async with opened_scene("fal", sandbox, catalogue.model(PARTS["fal"].model_id)) as opened_one:
        yield opened_one


async def with_keys(fal: Provider) -> None:
    assert isinstance(fal, WebhookKeySource)
    await fal.load_webhook_keys()


def ref_at(url: str) -> dict[str, Any]:
    request = f"{url}/fal-ai/flux/requests/{REQUEST}"
    return {
        "id": REQUEST,
        "status_url": f"{request}/status",
        "response_url": request,
        "cancel_url": f"{request}/cancel",
    }


async def test_the_urls_of_a_request_are_used_as_given(vendor_that: At, server: Any, fal_at: At) -> None:
    vendor = await vendor_that(server.answers(200, {}))
    given = {name: f"{vendor.url}/elsewhere/{name}" for name in ("status_url", "response_url", "cancel_url")}
    vendor.behaviours = (server.answers(200, {"request_id": REQUEST, "status": "IN_QUEUE", **given}),)
    fal = await fal_at(vendor.url)

    outcome = await fal.submit(ProviderRequest("POST", f"{vendor.url}/fal-ai/flux/schnell", {"prompt": "x"}))

    assert outcome == Accepted({"id": REQUEST, **given})
    assert vendor.received[0].headers["authorization"] == f"Key {FAL_KEY}"


async def test_a_link_to_elsewhere_gets_no_key(vendor_that: At, server: Any, fal_at: At) -> None:
    answer = {"request_id": REQUEST, "status_url": "https://evil.example/status", "response_url": None}
    vendor = await vendor_that(server.answers(200, answer))
    fal = await fal_at(vendor.url)

    outcome = await fal.submit(ProviderRequest("POST", f"{vendor.url}/fal-ai/flux/schnell?fal_webhook=x", {}))

    assert outcome == Accepted(ref_at(vendor.url))


@pytest.mark.parametrize(
    ("status", "result", "expected", "code"),
    [
        ({"status": "COMPLETED", "error": "out of memory"}, None, JobStatus.FAILED, "provider_failed"),
        (
            {"status": "COMPLETED", "error": "late", "error_type": "startup_timeout"},
            None,
            JobStatus.TIMEOUT,
            "provider_timeout",
        ),
        ({"status": "COMPLETED", "error_type": "client_cancelled"}, None, JobStatus.CANCELED, None),
        (
            {"status": "COMPLETED"},
            (422, {"detail": [{"loc": ["body", "prompt"], "msg": "field required"}]}),
            JobStatus.FAILED,
            "provider_failed",
        ),
        ({"status": "COMPLETED"}, (200, {"images": []}), JobStatus.GENERATED, None),
        ({"status": "IN_PROGRESS", "logs": None}, None, JobStatus.PROCESSING, None),
        ({"status": "HIBERNATING"}, None, JobStatus.PROCESSING, None),
    ],
)
async def test_what_a_status_means(
    vendor_that: At,
    server: Any,
    fal_at: At,
    status: dict[str, Any],
    result: tuple[int, dict[str, Any]] | None,
    expected: JobStatus,
    code: str | None,
) -> None:
    answers = [server.answers(202, status), *([server.answers(*result)] if result else [])]
    vendor = await vendor_that(*answers)

    snapshot = await (await fal_at(vendor.url)).query(ref_at(vendor.url))

    assert (snapshot.status, snapshot.error and snapshot.error.code) == (expected, code)
    assert snapshot.final == (expected is not JobStatus.PROCESSING)


async def test_a_request_that_is_not_there_yet_is_not_a_failure(vendor_that: At, server: Any, fal_at: At) -> None:
    vendor = await vendor_that(server.answers(404, {"detail": "Not Found"}))

    snapshot = await (await fal_at(vendor.url)).query(ref_at(vendor.url))

    assert (snapshot.final, snapshot.definite) == (False, False)


async def test_the_place_in_the_queue_is_told(fal_scene: Scene) -> None:
    fal_scene.sandbox.misbehave("never_starts", times=2)
    await fal_scene.started()
    second = await fal_scene.started()

    assert (await fal_scene.provider.query(second)).queue_position == 1


async def test_what_runs_can_only_be_asked_to_stop(fal_scene: Scene) -> None:
    fal_scene.sandbox.misbehave("never_finishes")
    running = await fal_scene.started()
    while (await fal_scene.provider.query(running)).status is not JobStatus.PROCESSING:
        await asyncio.sleep(0.02)
    finished, _ = await fal_scene.finished()

    assert await fal_scene.provider.cancel(running) is CancelOutcome.REQUESTED
    assert await fal_scene.provider.cancel(finished) is CancelOutcome.TOO_LATE


async def test_a_lost_request_is_found_by_the_link_of_its_input(fal_scene: Scene) -> None:
    async def chunks() -> Any:
        yield PHOTO

    submission = fal_scene.submission()
    file = InputFile(name="photo.png", media_type="image/png", size=len(PHOTO), chunks=chunks)
    link = await fal_scene.provider.attach(file, token=submission.token)
    request = replace(submission.request, body={"image_url": link, "scale": 3})
    fal_scene.sandbox.misbehave("accept_then_drop", on="create")

    await fal_scene.provider.submit(request)
    found = await fal_scene.found(replace(submission, request=request))

    assert isinstance(found, Found)
    (source,) = await fal_scene.provider.outputs(found.ref, (await fal_scene.watched(found.ref))[-1])
    assert source.kind is OutputKind.IMAGE


async def test_several_pictures_come_of_one_prompt(fal_scene: Scene, catalogue: Catalogue) -> None:
    flux = catalogue.model("fal_flux_schnell_v1")
    params = fal_scene.provider.parameters(flux).model_validate({"prompt": "a lighthouse", "num_images": 2})
    task = Task(
        job_code="job_1",
        model=flux,
        params=params.model_dump(mode="json"),
        output_count=1,
        token="sub_1",
        webhook_url=None,
    )

    outcome = await fal_scene.provider.submit(fal_scene.provider.build_request(task))

    assert isinstance(outcome, Accepted)
    last = (await fal_scene.watched(outcome.ref))[-1]
    assert [one.kind for one in await fal_scene.provider.outputs(outcome.ref, last)] == [OutputKind.IMAGE] * 2


async def test_a_request_that_has_not_succeeded_has_no_results(fal_scene: Scene) -> None:
    fal_scene.sandbox.misbehave("never_starts")
    ref = await fal_scene.started()

    with pytest.raises(ProviderFailed):
        await fal_scene.provider.outputs(ref, await fal_scene.provider.query(ref))


def signed(
    body: bytes, *, at: int | None = None, seed: bytes = bytes(range(32)), changed: Mapping[str, str] | None = None
) -> IncomingWebhook:
    timestamp = str(int(time.time()) if at is None else at)
    message = "\n".join([REQUEST, "user_1", timestamp, hashlib.sha256(body).hexdigest()])
    headers = {
        "x-fal-webhook-request-id": REQUEST,
        "x-fal-webhook-user-id": "user_1",
        "x-fal-webhook-timestamp": timestamp,
        "x-fal-webhook-signature": Ed25519PrivateKey.from_private_bytes(seed).sign(message.encode()).hex(),
    }
    return IncomingWebhook({**headers, **(changed or {})}, body, token="sub_1")


def test_the_published_vector_of_a_signature_is_made_the_same() -> None:
    body = json.dumps(EVENT, separators=(",", ":")).encode()
    delivery = signed(body, at=1_700_000_000)

    assert delivery.headers["x-fal-webhook-signature"].startswith("5cdf629dd33cb67db76a81fe1bd2959a")


@pytest.mark.parametrize(
    "forged",
    [
        {"at": 1_700_000_000},
        {"seed": bytes(32)},
        {"changed": {"x-fal-webhook-signature": "zz"}},
        {"changed": {"x-fal-webhook-signature": ""}},
        {"changed": {"x-fal-webhook-timestamp": "now"}},
        {"changed": {"x-fal-webhook-user-id": "user_2"}},
    ],
)
def test_a_forged_or_old_webhook_is_refused(forged: dict[str, Any]) -> None:
    keys = WebhookKeys()
    keys.read({"keys": [{"x": PUBLIC}, {"x": "!"}, {"x": "AAAA"}, "none", {}]})
    keys.verify(signed(b"{}"))

    for delivery in (signed(b"{}", **forged), IncomingWebhook({}, b"{}", token="sub_1")):
        with pytest.raises(NotAuthenticated):
            keys.verify(delivery)
    assert not keys.are_stale


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"request_id": 5}', b"\xff"])
async def test_a_webhook_that_makes_no_sense_is_bad_input(
    vendor_that: At, server: Any, fal_at: At, body: bytes
) -> None:
    vendor = await vendor_that(server.answers(200, {"keys": [{"x": PUBLIC}]}))
    fal = await fal_at(vendor.url)
    await with_keys(fal)
    await with_keys(fal)

    with pytest.raises(BadInput):
        fal.parse_webhook(signed(body))
    assert vendor.connections == 1


async def test_a_webhook_without_the_request_that_planted_it_names_no_place_to_ask(
    vendor_that: At, server: Any, fal_at: At
) -> None:
    vendor = await vendor_that(server.answers(200, {"keys": [{"x": PUBLIC}]}))
    fal = await fal_at(vendor.url)
    await with_keys(fal)

    hint = fal.parse_webhook(signed(json.dumps(EVENT).encode()))

    assert (hint.ref, hint.delivery_id) == (None, f"{REQUEST}:OK")


async def test_a_model_is_described_by_the_schema_of_its_endpoint(fal_scene: Scene) -> None:
    assert isinstance(fal_scene.provider, ModelSource)

    described = await fal_scene.provider.describe("fal-ai/esrgan")
    model = fal_scene.model.model_copy(update={"model": described.model, "input_schema": described.input_schema})
    parameters = fal_scene.provider.parameters(model)

    assert (described.output_kind, described.model) == (OutputKind.IMAGE, "fal-ai/esrgan")
    assert list(parameters.file_fields()) == ["image_url"]
    assert parameters.model_json_schema()["additionalProperties"] is False


@pytest.mark.parametrize(
    ("name", "words"), [("fal-ai/nothing", "no model"), ("flux", "owner/alias"), ("../../x", "owner/alias")]
)
async def test_a_model_that_is_not_there_is_refused_by_name(fal_scene: Scene, name: str, words: str) -> None:
    assert isinstance(fal_scene.provider, ModelSource)

    with pytest.raises(BadInput, match=words):
        await fal_scene.provider.describe(name)
