"""What every provider owes us, proven on its simulated vendor: watching, cancelling, webhooks and results."""

import io
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from domain.errors import NotAuthenticated, ProviderFailed, ProviderUnavailable
from domain.lifecycle import JobStatus
from domain.outputs import OutputKind
from domain.providing import WebhookDelivery
from domain.submissions import Accepted, CancelOutcome
from tests.providers.scene import Scene

At = Callable[..., Awaitable[Any]]


async def test_progress_is_told_on_the_way(scene: Scene) -> None:
    scene.sandbox.pace(queue_seconds=0.1, work_seconds=0.4)

    seen = await scene.watched(await scene.started())

    assert {JobStatus.QUEUED, JobStatus.PROCESSING} <= {snapshot.status for snapshot in seen}
    told = [snapshot.unit_progress for snapshot in seen if snapshot.unit_progress is not None]
    assert scene.provider.capabilities.unit_progress == (len(set(told)) > 2)
    assert all(0 <= percent <= 100 for percent in told)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("failed", JobStatus.FAILED, "provider_failed"),
        ("aborted", JobStatus.TIMEOUT, "provider_timeout"),
        ("missing_keys", JobStatus.GENERATED, None),
        ("renamed_model", JobStatus.GENERATED, None),
        ("unknown_status", JobStatus.GENERATED, None),
    ],
)
async def test_every_end_is_understood(scene: Scene, fault: str, status: JobStatus, code: str | None) -> None:
    scene.sandbox.misbehave(fault, on="create")

    _, last = await scene.finished()

    assert last.status is status
    assert (last.error and last.error.code) == code


async def test_a_deadline_at_the_provider_is_a_timeout(scene: Scene) -> None:
    scene.sandbox.misbehave("never_finishes")
    submission = scene.submission()
    submission.request.headers["Cancel-After"] = "1s"

    outcome = await scene.submit(submission)

    assert isinstance(outcome, Accepted)
    assert (await scene.watched(outcome.ref))[-1].status is JobStatus.TIMEOUT


async def test_results_before_the_end_are_not_the_end(scene: Scene) -> None:
    scene.sandbox.misbehave("processing_with_output", arg="0.2")

    seen = await scene.watched(await scene.started())

    assert any(snapshot.raw.get("output") and not snapshot.final for snapshot in seen)
    assert seen[-1].status is JobStatus.GENERATED


async def test_results_can_be_fetched_as_told(scene: Scene) -> None:
    ref, last = await scene.finished()

    (source,) = await scene.provider.outputs(ref, last)

    assert source.url is not None
    assert source.kind is OutputKind.IMAGE
    assert source.expires_at is not None
    assert urlsplit(source.url).hostname in scene.provider.download_hosts
    async with httpx.AsyncClient(trust_env=False) as browser:
        fetched = await browser.get(source.url, headers=source.headers)
    assert Image.open(io.BytesIO(fetched.content)).size == (16, 12)


@pytest.mark.parametrize(
    ("shape", "kinds"),
    [
        ("string", [OutputKind.IMAGE]),
        ("list", [OutputKind.IMAGE]),
        ("object", [OutputKind.IMAGE]),
        ("text", [OutputKind.TEXT]),
        ("empty_list", []),
    ],
)
async def test_results_come_in_many_shapes(scene: Scene, shape: str, kinds: list[OutputKind]) -> None:
    scene.sandbox.misbehave("output_as", arg=shape)

    ref, last = await scene.finished()

    assert [source.kind for source in await scene.provider.outputs(ref, last)] == kinds


@pytest.mark.parametrize("fault", ["zero_outputs", "output_erased"])
async def test_results_that_are_gone_are_a_failure(scene: Scene, fault: str) -> None:
    scene.sandbox.misbehave(fault)
    ref, last = await scene.finished()

    with pytest.raises(ProviderFailed):
        await scene.provider.outputs(ref, last)


async def test_a_cancel_stops_what_waits_and_may_be_repeated(scene: Scene) -> None:
    scene.sandbox.misbehave("never_starts")
    ref = await scene.started()

    first, second = await scene.provider.cancel(ref), await scene.provider.cancel(ref)

    assert (first, second) == (CancelOutcome.CANCELED, CancelOutcome.CANCELED)
    assert (await scene.provider.query(ref)).status is JobStatus.CANCELED


async def test_a_cancel_may_come_too_late(scene: Scene) -> None:
    ref, _ = await scene.finished()

    assert await scene.provider.cancel(ref) is CancelOutcome.TOO_LATE


async def test_a_cancel_that_stops_nothing_yet_is_requested(scene: Scene) -> None:
    scene.sandbox.misbehave("cancel_ignored")
    scene.sandbox.misbehave("never_finishes")

    assert await scene.provider.cancel(await scene.started()) is CancelOutcome.REQUESTED


async def test_a_cancel_that_is_refused_is_worth_another_try(scene: Scene) -> None:
    scene.sandbox.misbehave("never_finishes")
    scene.sandbox.misbehave("cancel_refused")
    ref = await scene.started()

    with pytest.raises(ProviderUnavailable):
        await scene.provider.cancel(ref)

    assert await scene.provider.cancel(ref) is CancelOutcome.CANCELED


async def delivery_to(scene: Scene, vendor_that: At, server: Any) -> tuple[Any, WebhookDelivery]:
    receiver = await vendor_that(server.answers(200))
    submission = scene.submission(webhook_url=receiver.url)
    outcome = await scene.submit(submission)
    assert isinstance(outcome, Accepted)
    await receiver.has_heard.wait()
    heard = receiver.heard[0]
    assert heard.path == f"/{submission.token}"
    return outcome.ref, WebhookDelivery(heard.headers, heard.body, token=submission.token)


async def test_a_webhook_tells_which_job_has_news(scene: Scene, vendor_that: At, server: Any) -> None:
    ref, delivery = await delivery_to(scene, vendor_that, server)

    hint = scene.provider.parse_webhook(delivery)

    assert hint.ref == ref
    assert hint.delivery_id


@pytest.mark.parametrize("fault", ["webhook_forged", "webhook_old"])
async def test_a_forged_or_old_webhook_is_not_heard(scene: Scene, vendor_that: At, server: Any, fault: str) -> None:
    scene.sandbox.misbehave(fault)
    _, delivery = await delivery_to(scene, vendor_that, server)

    with pytest.raises(NotAuthenticated):
        scene.provider.parse_webhook(delivery)
