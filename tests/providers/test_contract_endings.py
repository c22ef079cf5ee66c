"""The contract of providers, tested on their simulated vendors: watching, cancelling, webhooks and results."""

import io
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import av
import pytest
from PIL import Image

from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.jobs.submissions import Accepted, CancelOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import WebhookKeySource
from aijobs.domain.provider_io import IncomingWebhook
from tests.patience import http_client
from tests.providers.scene import Scene

At = Callable[..., Awaitable[Any]]


def size_of(content: bytes, kind: OutputKind) -> tuple[int, int]:
    """Of a picture, or of a video's pictures, in pixels."""
    if kind is OutputKind.VIDEO:
        with av.open(io.BytesIO(content), "r") as container:
            (frame, *_) = container.decode(video=0)
            return frame.width, frame.height
    with Image.open(io.BytesIO(content)) as picture:
        return picture.size


async def test_progress_is_told_on_the_way(scene: Scene) -> None:
    scene.sandbox.pace(queue_seconds=1.5, work_seconds=2.0)  # a slow machine asks every second or so

    snapshots = await scene.watched(await scene.started())

    on_the_way = {JobStatus.QUEUED, JobStatus.PROCESSING} if scene.part.tells_queue else {JobStatus.PROCESSING}
    assert on_the_way <= {snapshot.status for snapshot in snapshots}
    progress = [snapshot.unit_progress for snapshot in snapshots if snapshot.unit_progress is not None]
    assert scene.provider.capabilities.unit_progress == (len(set(progress)) > 2)
    assert all(0 <= percent <= 100 for percent in progress)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("failed", JobStatus.FAILED, "provider_failed"),
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


async def test_results_can_be_fetched_as_told(scene: Scene) -> None:
    ref, last = await scene.finished()

    sources = await scene.provider.outputs(ref, last)

    assert [source.kind for source in sources] == [scene.part.kind] * len(scene.part.sizes)
    async with http_client() as browser:
        for source, size in zip(sources, scene.part.sizes, strict=True):
            content = source.content
            if content is None:
                assert urlsplit(source.url).hostname in scene.provider.download_hosts
                content = (await browser.get(source.url or "", headers=source.headers)).content
            assert size_of(content, source.kind) == size


async def test_a_cancel_is_as_the_capabilities_say_and_may_be_repeated(scene: Scene) -> None:
    scene.sandbox.misbehave("never_starts")
    ref = await scene.started()
    expected = CancelOutcome.CANCELED if scene.provider.capabilities.cancel else CancelOutcome.NOT_SUPPORTED

    first = await scene.provider.cancel(ref)
    if scene.desk:  # whether it has stopped is told afterwards
        assert (await scene.watched(ref))[-1].status is JobStatus.CANCELED
    second = await scene.provider.cancel(ref)

    assert (first, second) == (CancelOutcome.REQUESTED if scene.desk else expected, expected)


async def delivery_to(scene: Scene, vendor_that: At, server: Any) -> tuple[Any, IncomingWebhook]:
    if not scene.provider.capabilities.webhook:
        pytest.skip("its webhooks do not know the submission")
    receiver = await vendor_that(server.answers(200))
    submission = scene.submission(webhook_url=receiver.url)
    outcome = await scene.submit(submission)
    assert isinstance(outcome, Accepted)
    await receiver.has_received.wait()
    received = receiver.received[0]
    assert received.path == f"/{submission.token}"
    if isinstance(scene.provider, WebhookKeySource):
        await scene.provider.load_webhook_keys()
    delivery = IncomingWebhook(received.headers, received.body, token=submission.token, sent=submission.request)
    return outcome.ref, delivery


async def test_a_webhook_tells_which_job_has_news(scene: Scene, vendor_that: At, server: Any) -> None:
    ref, delivery = await delivery_to(scene, vendor_that, server)

    hint = scene.provider.parse_webhook(delivery)

    assert hint.ref is not None
    assert hint.ref["id"] == ref["id"]
    assert (await scene.provider.query(hint.ref)).definite
    assert hint.delivery_id
