"""Traps of OpenAI's Responses: 429 with two meanings, refusals, pictures in answers, conversations, webhooks."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import BadInput, NotAuthenticated, ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.jobs.submissions import Accepted, CancelOutcome, Found, ProviderRequest, Rejected, Search, Unknown
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import PreparingProvider, Provider
from aijobs.domain.provider_io import IncomingWebhook, InputFile, Task
from aijobs.providers.openai import OpenAISettings, opened
from sandbox.server import RunningSandbox
from tests.providers.conftest import SHORT, WEBHOOK_SECRET
from tests.providers.open_provider import stored
from tests.providers.parts import PARTS
from tests.providers.scene import Scene, opened_scene

At = Callable[..., Awaitable[Any]]
REQUEST = ProviderRequest("POST", "", {"model": "gpt-5.4", "input": "x"})


@pytest.fixture
async def scene_of_openai(sandbox: RunningSandbox, catalogue: Catalogue) -> AsyncIterator[Scene]:
    async with opened_scene("openai", sandbox, catalogue.model(PARTS["openai"].model_id)) as opened_one:
        yield opened_one


@pytest.fixture
def openai_at(stack: AsyncExitStack) -> Callable[..., Awaitable[Provider]]:
    async def open_it(url: str) -> Provider:
        settings = OpenAISettings(
            token=SecretStr("sk-must-stay-secret"), base_url=url, webhook_secret=SecretStr(WEBHOOK_SECRET)
        )
        return await stack.enter_async_context(opened(settings, timeouts=SHORT))

    return open_it


def error(code: str, message: str = "No.") -> dict[str, Any]:
    return {"error": {"message": message, "type": "x", "param": None, "code": code}}


@pytest.mark.parametrize(
    ("status", "body", "code", "may_retry"),
    [
        (429, error("rate_limit_exceeded"), "provider_throttled", True),
        (429, error("insufficient_quota"), "provider_blocked", False),
        (400, error("invalid_value", "Invalid size."), "provider_rejected", False),
        (401, error("invalid_api_key"), "provider_rejected", False),
    ],
)
async def test_what_a_refusal_means(
    vendor_that: At, server: Any, openai_at: At, status: int, body: dict[str, Any], code: str, may_retry: object
) -> None:
    vendor = await vendor_that(server.answers(status, body))

    outcome = await (await openai_at(vendor.url)).submit(replace(REQUEST, url=f"{vendor.url}/responses"))

    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.may_retry) == (code, may_retry)


@pytest.mark.parametrize(
    ("response", "expected", "words"),
    [
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            JobStatus.FAILED,
            "max_output",
        ),
        ({"status": "failed", "error": {"code": "server_error", "message": "Broken."}}, JobStatus.FAILED, "Broken."),
        ({"status": "failed", "error": None}, JobStatus.FAILED, "no reason"),
        (
            {
                "status": "completed",
                "output": [
                    {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "I will not."}]}
                ],
            },
            JobStatus.FAILED,
            "I will not.",
        ),
        ({"status": "cancelled"}, JobStatus.CANCELED, None),
        ({"status": "resting"}, JobStatus.PROCESSING, None),
    ],
)
async def test_what_an_ending_means(
    vendor_that: At, server: Any, openai_at: At, response: dict[str, Any], expected: JobStatus, words: str | None
) -> None:
    vendor = await vendor_that(server.answers(200, {"id": "resp_1", **response}))

    snapshot = await (await openai_at(vendor.url)).query({"id": "resp_1"})

    assert snapshot.status is expected
    assert words is None or (snapshot.error is not None and words in snapshot.error.message)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("completed", CancelOutcome.TOO_LATE), ("cancelled", CancelOutcome.CANCELED), ("in_progress", None)],
)
async def test_a_cancel_that_is_refused_is_too_late_only_for_what_has_ended(
    vendor_that: At, server: Any, openai_at: At, status: str, outcome: CancelOutcome | None
) -> None:
    refused = server.answers(400, error("invalid_request_error", f"Cannot cancel a response that is {status}."))
    vendor = await vendor_that(refused, server.answers(200, {"id": "resp_1", "status": status, "output": []}))
    openai = await openai_at(vendor.url)

    if outcome is None:
        with pytest.raises(ProviderUnavailable):
            await openai.cancel({"id": "resp_1"})
    else:
        assert await openai.cancel({"id": "resp_1"}) is outcome
    assert [received.method for received in vendor.received] == ["POST", "GET"]


async def test_what_is_kept_of_an_answer_has_no_pictures_in_it(vendor_that: At, server: Any, openai_at: At) -> None:
    picture = base64.b64encode(b"a picture" * 1000).decode()
    item = {"type": "image_generation_call", "status": "completed", "result": picture}
    vendor = await vendor_that(server.answers(200, {"id": "resp_1", "status": "completed", "output": [item]}))
    openai = await openai_at(vendor.url)

    snapshot = await openai.query({"id": "resp_1"})
    (source,) = await openai.outputs({"id": "resp_1"}, snapshot)

    assert picture not in json.dumps(dict(snapshot.raw))
    assert (source.kind, source.content) == (OutputKind.IMAGE, b"a picture" * 1000)


async def test_a_picture_that_cannot_be_read_is_a_failure(vendor_that: At, server: Any, openai_at: At) -> None:
    item = {"type": "image_generation_call", "status": "completed", "result": "§§§"}
    vendor = await vendor_that(server.answers(200, {"id": "resp_1", "status": "completed", "output": [item]}))
    openai = await openai_at(vendor.url)

    with pytest.raises(ProviderFailed, match="cannot be read"):
        await openai.outputs({"id": "resp_1"}, await openai.query({"id": "resp_1"}))


async def answered(scene: Scene, catalogue: Catalogue, **params: Any) -> tuple[OutputKind, bytes]:
    model = catalogue.model("openai_answer_v1")
    checked = scene.provider.parameters(model).model_validate(params).model_dump(mode="json")
    task = Task(job_code="job_1", model=model, params=checked, output_count=1, token="sub_1", webhook_url=None)
    outcome = await scene.provider.submit(scene.provider.build_request(task))
    assert isinstance(outcome, Accepted), outcome
    (source,) = await scene.provider.outputs(outcome.ref, (await scene.watched(outcome.ref))[-1])
    return source.kind, source.content or b""


async def test_words_come_as_text_and_json_as_json(scene_of_openai: Scene, catalogue: Catalogue) -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}, "words": {"type": "integer"}}}

    text = await answered(scene_of_openai, catalogue, prompt="Name this dish.")
    document = await answered(scene_of_openai, catalogue, prompt="Name this dish.", answer_schema=schema)

    assert text == (OutputKind.TEXT, b"You asked in 3 words: Name this dish.")
    assert document[0] is OutputKind.JSON
    assert json.loads(document[1]) == {"title": "Name this dish.", "words": 3}


async def test_a_lost_response_is_found_in_the_conversation_that_was_made_for_it(scene_of_openai: Scene) -> None:
    provider = scene_of_openai.provider
    assert isinstance(provider, PreparingProvider)
    task = Task(
        job_code="job_1",
        model=scene_of_openai.model,
        params=scene_of_openai.part.params,
        output_count=1,
        token="sub_lost",
        webhook_url=None,
    )
    task = replace(task, prepared=await provider.prepare(task))
    submission = stored(task, scene_of_openai.provider.build_request(task))
    scene_of_openai.sandbox.misbehave("accept_then_drop", on="create")

    outcome = await scene_of_openai.provider.submit(submission.request)
    while (found := await scene_of_openai.provider.reconcile(submission, known_ids=frozenset())) is Search.NOT_YET:
        await asyncio.sleep(0.02)

    assert isinstance(outcome, Unknown)
    assert isinstance(found, Found)
    (source,) = await scene_of_openai.provider.outputs(found.ref, (await scene_of_openai.watched(found.ref))[-1])
    assert source.kind is OutputKind.IMAGE
    assert await scene_of_openai.provider.cancel(found.ref) is CancelOutcome.NOT_SUPPORTED
    assert len(scene_of_openai.sandbox.ledger("sub_lost")) == 1


async def test_without_a_conversation_nothing_can_be_said(scene_of_openai: Scene) -> None:
    found = await scene_of_openai.provider.reconcile(scene_of_openai.submission(), known_ids=frozenset())

    assert found is Search.IMPOSSIBLE


async def test_a_file_needs_a_link(scene_of_openai: Scene) -> None:
    async def chunks() -> Any:
        yield b"x"

    file = InputFile(name="photo.png", media_type="image/png", size=1, chunks=chunks)

    with pytest.raises(ProviderFailed, match="AIJOBS_PUBLIC_URL"):
        await scene_of_openai.provider.attach(file, token="sub_1")


FOREIGN_SECRET = "whsec_" + "bm90IHRoZSBzZWNyZXQgb2YgdGhpcyBhY2NvdW50"


def event(body: Any, *, secret: str = WEBHOOK_SECRET) -> IncomingWebhook:
    text, at = json.dumps(body), datetime.now(UTC)
    headers = {
        "webhook-id": "wh_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("wh_1", at, text),
    }
    return IncomingWebhook(headers, text.encode(), token="account")


async def test_a_projects_webhook_names_the_response(openai_at: At) -> None:
    openai = await openai_at("https://api.openai.example/v1")

    hint = openai.parse_webhook(event({"type": "response.completed", "data": {"id": "resp_1"}}))

    assert (hint.ref, hint.raw_status, hint.delivery_id) == ({"id": "resp_1"}, "response.completed", "wh_1")
    assert (openai.capabilities.webhook, openai.capabilities.account_webhook) == (False, True)


@pytest.mark.parametrize(
    ("delivery", "refusal"),
    [
        (lambda: event({"data": {"id": "resp_1"}}, secret=FOREIGN_SECRET), NotAuthenticated),
        (lambda: IncomingWebhook({}, b"{}", token="account"), NotAuthenticated),
        (lambda: event({"type": "response.completed"}), BadInput),
        (lambda: event([]), BadInput),
    ],
)
async def test_a_forged_or_foreign_webhook_is_refused(
    openai_at: At, delivery: Callable[[], IncomingWebhook], refusal: type[Exception]
) -> None:
    """Signed in the test itself: a signature is good for five minutes."""
    openai = await openai_at("https://api.openai.example/v1")

    with pytest.raises(refusal):
        openai.parse_webhook(delivery())
