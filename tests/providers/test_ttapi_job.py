"""The snapshots of TTAPI's fetch responses, and its webhooks."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from aijobs.domain.errors import BadInput, NotAuthenticated, ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.submissions import CancelOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import ActionProvider, Provider
from aijobs.domain.provider_io import IncomingWebhook, InputFile, Snapshot

At = Callable[..., Awaitable[Any]]

JOB_ID = "c679a92e-dae0-462d-b70f-dcfeaf2189fa"
CDN = "https://cdn.ttapi.io/midjourney"
GRID = f"{CDN}/2025-11-14/20260302_050724_554d43430e2e80dd.png"
SINGLES = [f"{CDN}/20260302/bf839f4e-b7c0-4d14-922c-a842ad451443{corner}.png" for corner in ("tl", "tr", "bl", "br")]
DONE = {
    "action": "imagine",
    "jobId": JOB_ID,
    "progress": "100",
    "prompt": "a cat",
    "quota": "2",
    "discordImage": GRID,
    "cdnImage": GRID,
    "width": 1024,
    "height": 1024,
    "hookUrl": None,
    "components": ["upsample1", "upsample2", "reroll", "variation1"],
    "seed": None,
    "images": SINGLES,
}


def fetched(status: str = "SUCCESS", *, message: str | None = "", **data: Any) -> dict[str, Any]:
    return {"status": status, "message": message, "jobId": JOB_ID, "data": {**DONE, **data}}


def delivery(body: Any, *, token: str = "sub_0042") -> IncomingWebhook:
    return IncomingWebhook({}, body if isinstance(body, bytes) else json.dumps(body).encode(), token=token)


@pytest.fixture
def queried(ttapi_at: At, vendor_that: At, server: Any) -> At:
    """The snapshot of a query for this response."""

    async def ask(answer: Any, status: int = 200) -> Snapshot:
        ttapi: Provider = await ttapi_at((await vendor_that(server.answers(status, answer))).url)
        return await ttapi.query({"id": JOB_ID})

    return ask


async def test_a_fetch_costs_nothing_and_names_the_job(ttapi_at: At, vendor_that: At, server: Any) -> None:
    vendor = await vendor_that(server.answers(200, fetched()))

    await (await ttapi_at(vendor.url)).query({"id": JOB_ID})

    assert (vendor.received[0].method, vendor.received[0].path) == ("GET", f"/midjourney/v1/fetch?jobId={JOB_ID}")


@pytest.mark.parametrize(
    ("word", "status", "final"),
    [
        ("PENDING_QUEUE", JobStatus.QUEUED, False),
        ("ON_QUEUE", JobStatus.PROCESSING, False),
        ("SUCCESS", JobStatus.GENERATED, True),
        ("FAILED", JobStatus.FAILED, True),
        ("HIBERNATING", JobStatus.PROCESSING, False),
        ("", JobStatus.PROCESSING, False),
    ],
)
async def test_each_word_has_its_meaning_and_an_unknown_one_is_still_running(
    queried: At, word: str, status: JobStatus, *, final: bool
) -> None:
    snapshot = await queried(fetched(word, message=None))

    assert (snapshot.status, snapshot.final, snapshot.raw_status) == (status, final, word)


async def test_a_failure_gives_its_reason(queried: At) -> None:
    snapshot = await queried(fetched("FAILED", message="Banned prompt detected"))

    assert snapshot.error is not None
    assert (snapshot.error.code, snapshot.error.message) == ("provider_failed", "Banned prompt detected")


@pytest.mark.parametrize(
    ("progress", "unit"),
    [("46%", 46.0), ("100", 100.0), ("7.5 %", 7.5), (None, None), ("", None), ("soon", None), ("250%", 100.0)],
)
async def test_progress_is_a_text_or_null(queried: At, progress: str | None, unit: float | None) -> None:
    assert (await queried(fetched("ON_QUEUE", message=None, progress=progress))).unit_progress == unit


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, {"status": "FAILED", "message": "job not found", "data": None}),
        (200, {"status": "FAILED", "message": "Invalid TT-API-KEY.", "data": None}),
        (200, {"status": "SUCCESS", "message": "success", "jobId": "another", "data": {"jobId": "another"}}),
        (404, {"status": "FAILED", "message": "not found", "data": None}),
        (404, b""),
    ],
)
async def test_an_answer_that_is_not_about_the_job_is_no_word_on_it(queried: At, status: int, answer: Any) -> None:
    snapshot = await queried(answer, status)

    assert (snapshot.final, snapshot.definite) == (False, False)


@pytest.mark.parametrize(("status", "answer"), [(401, {}), (499, {}), (500, {}), (200, b"<html>"), (200, b"[]")])
async def test_an_answer_that_says_nothing_is_worth_another_try(queried: At, status: int, answer: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        await queried(answer, status)


@pytest.mark.parametrize(
    ("data", "links"),
    [
        ({}, [GRID, *SINGLES]),
        ({"cdnImage": None}, [GRID, *SINGLES]),
        ({"images": None}, [GRID]),
        ({"images": []}, [GRID]),
        ({"images": [GRID]}, [GRID]),
        ({"cdnImage": None, "discordImage": None}, SINGLES),
        ({"cdnImage": "", "discordImage": "", "images": [""]}, []),
    ],
    ids=["an imagine", "only Discord's", "no singles", "an upsample", "named twice", "no grid", "nothing"],
)
async def test_the_whole_picture_comes_first_and_then_the_single_ones(
    ttapi: Provider, queried: At, data: dict[str, Any], links: list[str]
) -> None:
    snapshot = await queried(fetched(**data))

    assert [source.url for source in await ttapi.outputs({"id": JOB_ID}, snapshot)] == links


async def test_outputs_of_a_job_that_is_not_shown_now_are_asked_for_again(ttapi: Provider, queried: At) -> None:
    snapshot = await queried({"status": "FAILED", "message": "job not found", "data": None})

    with pytest.raises(ProviderUnavailable):
        await ttapi.outputs({"id": JOB_ID}, snapshot)


def test_a_finished_job_offers_what_its_components_name_and_we_know(ttapi: Provider) -> None:
    assert isinstance(ttapi, ActionProvider)
    named = ["upsample1", "upscale_subtle", "zoom_out_1_5", "upsample1", "inpaint", None, "rm -rf", "upsample5"]

    assert ttapi.offered(fetched(components=named)) == ("upsample1", "upscale_subtle", "zoom_out_1_5")
    assert ttapi.offered(fetched(components=None)) == ()
    assert ttapi.offered({}) == ()


async def test_nothing_can_be_canceled(ttapi: Provider) -> None:
    assert await ttapi.cancel({"id": JOB_ID}) is CancelOutcome.NOT_SUPPORTED


async def test_a_file_cannot_be_handed_over_and_the_reason_says_what_helps(ttapi: Provider) -> None:
    file = InputFile(name="cat.png", media_type="image/png", size=1, chunks=iter_nothing)

    with pytest.raises(ProviderFailed, match="AIJOBS_PUBLIC_URL"):
        await ttapi.attach(file, token="sub_0042")


async def iter_nothing() -> AsyncIterator[bytes]:
    yield b""


def test_a_webhook_names_the_job_and_is_known_again(ttapi: Provider) -> None:
    hook = "https://us.example/api/webhooks/ttapi/sub_0042"

    hint = ttapi.parse_webhook(delivery(fetched(hookUrl=hook)))

    assert hint.ref == {"id": JOB_ID}
    assert hint.raw_status == "SUCCESS"
    assert hint.delivery_id == ttapi.parse_webhook(delivery(fetched(hookUrl=hook))).delivery_id


def test_a_webhook_of_the_older_dialect_is_understood(ttapi: Provider) -> None:
    old = {"status": "SUCCESS", "message": "success", "data": {"actions": "imagine", "job_id": JOB_ID}}

    assert ttapi.parse_webhook(delivery(old)).ref == {"id": JOB_ID}


def test_a_webhook_about_another_job_is_not_heard(ttapi: Provider) -> None:
    body = fetched(hookUrl="https://us.example/api/webhooks/ttapi/sub_9999")

    with pytest.raises(NotAuthenticated):
        ttapi.parse_webhook(delivery(body))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"status": "SUCCESS"}', b'{"jobId": 5}', b"[" * 100_000])
def test_a_webhook_without_sense_is_refused(ttapi: Provider, body: bytes) -> None:
    with pytest.raises(BadInput):
        ttapi.parse_webhook(delivery(body))
