"""Bedrock's own traps: signed requests, misleading statuses, and results in a bucket."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image
from pydantic import SecretStr, ValidationError

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.submissions import Accepted, Rejected, Search, Unknown
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import InputFile, Snapshot
from aijobs.providers.bedrock import BedrockSettings, opened
from aijobs.providers.bedrock.answers import snapshot_of
from aijobs.providers.bedrock.parameters import NovaReelInput
from aijobs.providers.bedrock.results import results_among
from aijobs.providers.bedrock.specimen import ARN
from sandbox.server import RunningSandbox
from tests.providers.conftest import SHORT
from tests.providers.open_provider import aged
from tests.providers.parts import PARTS, PHOTO_URL
from tests.providers.scene import Scene, opened_scene

At = Callable[..., Awaitable[Any]]
NOBODY = frozenset[str]()
SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
KEYS = {"token": SECRET, "access_key": "AKIDEXAMPLE", "output_url": "s3://films/ours"}


@pytest.fixture
async def bedrock_scene(sandbox: RunningSandbox, catalogue: Catalogue) -> AsyncIterator[Scene]:
    async with opened_scene("bedrock", sandbox, catalogue.model(PARTS["bedrock"].model_id)) as scene:
        yield scene


@pytest.fixture
def bedrock_at(stack: AsyncExitStack) -> Callable[..., Awaitable[Provider]]:
    async def open_it(base_url: str, **settings: Any) -> Provider:
        given = BedrockSettings.model_validate({**KEYS, "base_url": base_url, "s3_endpoint": base_url, **settings})
        return await stack.enter_async_context(opened(given, timeouts=SHORT))

    return open_it


def test_a_key_alone_is_refused_by_the_names_of_what_is_missing() -> None:
    with pytest.raises(ValidationError, match="access_key and output_url") as invalid:
        BedrockSettings(token=SecretStr(SECRET))

    assert SECRET not in str(invalid.value)


@pytest.mark.parametrize(
    "place", ["films/ours", "s3://", "s3://Films", "https://films.s3.amazonaws.com", "s3://films/a b"]
)
def test_what_is_no_place_in_s3_is_refused(place: str) -> None:
    with pytest.raises(ValidationError, match="output_url"):
        BedrockSettings.model_validate({**KEYS, "output_url": place})


def test_the_region_chooses_the_address_and_the_bucket_its_host() -> None:
    settings = BedrockSettings.model_validate({**KEYS, "region": "us-west-2"})

    assert settings.base_url == "https://bedrock-runtime.us-west-2.amazonaws.com"
    assert settings.bucket_url("films") == "https://films.s3.us-west-2.amazonaws.com"
    assert settings.bucket_url("my.films") == "https://s3.us-west-2.amazonaws.com/my.films"
    assert settings.download_hosts == ("*.s3.us-west-2.amazonaws.com", "s3.us-west-2.amazonaws.com")


async def test_the_request_names_a_place_of_its_own_and_is_signed(
    vendor_that: At, server: Any, bedrock_at: At, bedrock_scene: Scene
) -> None:
    vendor = await vendor_that(server.answers(200, {"invocationArn": ARN}))
    bedrock = await bedrock_at(vendor.url, session_token="a-session-token")
    submission = bedrock_scene.submission()
    request = replace(submission.request, url=f"{vendor.url}/async-invoke")

    outcome = await bedrock.submit(request)
    (received,) = vendor.received

    assert outcome == Accepted({"id": ARN})
    assert request.body["clientRequestToken"] == submission.token
    assert request.body["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"].endswith(f"/{submission.token}")
    assert received.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/us-east-1/bedrock/aws4_request" in received.headers["authorization"]
    assert received.headers["x-amz-security-token"] == "a-session-token"
    assert SECRET not in repr(received)


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, "ServiceQuotaExceededException", ("provider_throttled", True, False)),
        (429, "ThrottlingException", ("provider_throttled", True, False)),
        (403, "AccessDeniedException", ("provider_rejected", False, False)),
        (403, "UnrecognizedClientException", ("provider_rejected", False, False)),
        (400, "ValidationException:http://internal.amazon.com/coral/", ("provider_rejected", False, False)),
        (404, "ResourceNotFoundException", ("provider_rejected", False, False)),
        (400, "ConflictException", None),
        (500, "InternalServerException", None),
        (503, "ServiceUnavailableException", None),
    ],
)
async def test_an_error_means_what_its_name_says(
    vendor_that: At,
    server: Any,
    bedrock_at: At,
    bedrock_scene: Scene,
    status: int,
    error: str,
    expected: tuple[str, bool, bool] | None,
) -> None:
    vendor = await vendor_that(server.answers(status, {"message": "Because."}, **{"x-amzn-errortype": error}))

    request = replace(bedrock_scene.submission().request, url=f"{vendor.url}/async-invoke")
    outcome = await (await bedrock_at(vendor.url)).submit(request)

    if expected is None:
        assert isinstance(outcome, Unknown)
    else:
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.may_retry, outcome.account_must_act) == expected
        assert outcome.message == "Because."


async def test_only_an_account_that_gets_no_model_is_blocked(
    vendor_that: At, server: Any, bedrock_at: At, bedrock_scene: Scene
) -> None:
    unpaid = {
        "message": "Model access is denied due to INVALID_PAYMENT_INSTRUMENT: …",
        "__type": "AccessDeniedException",
    }
    vendor = await vendor_that(server.answers(403, unpaid))
    request = replace(bedrock_scene.submission().request, url=f"{vendor.url}/async-invoke")

    outcome = await (await bedrock_at(vendor.url)).submit(request)

    assert isinstance(outcome, Rejected)
    assert outcome.account_must_act


async def test_the_same_request_is_answered_with_the_same_invocation(bedrock_scene: Scene) -> None:
    submission, paid = bedrock_scene.submission(), bedrock_scene.paid()

    first, second = [await bedrock_scene.submit(submission) for _ in range(2)]

    assert isinstance(first, Accepted)
    assert first == second
    assert bedrock_scene.paid() == paid + 1


async def test_a_lost_one_is_found_on_any_page_and_after_a_day_no_longer(bedrock_scene: Scene) -> None:
    submission = bedrock_scene.submission()
    await bedrock_scene.submit(submission)
    bedrock_scene.sandbox.context.config = bedrock_scene.sandbox.config.model_copy(update={"page_size": 1})
    for _ in range(2):
        await bedrock_scene.started()

    found = await bedrock_scene.provider.reconcile(submission, known_ids=NOBODY)
    bedrock_scene.sandbox.context.config = bedrock_scene.sandbox.config
    too_late = await bedrock_scene.provider.reconcile(aged(submission, timedelta(hours=25)), known_ids=NOBODY)

    assert not isinstance(found, Search)
    assert too_late is Search.IMPOSSIBLE


def test_of_several_shots_the_whole_film_is_the_result() -> None:
    shots = ["f/manifest.json", "f/output.mp4", "f/shot_0001.mp4", "f/shot_0002.mp4", "f/video-generation-status.json"]

    assert results_among(shots) == ["f/output.mp4"]
    assert results_among([*shots[2:], "f/"]) == ["f/shot_0001.mp4", "f/shot_0002.mp4"]


@pytest.mark.parametrize(
    "answer",
    [
        (403, "<Error><Code>AccessDenied</Code></Error>"),
        (200, "<html><p>Please sign in"),
        (200, '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'),
        (200, ""),
    ],
)
async def test_a_bucket_that_cannot_be_read_is_asked_again(
    vendor_that: At, server: Any, bedrock_at: At, answer: tuple[int, str]
) -> None:
    vendor = await vendor_that(server.answers(answer[0], answer[1].encode()))
    bedrock = await bedrock_at(vendor.url)

    with pytest.raises(ProviderUnavailable, match="S3 answered"):
        await bedrock.outputs({"id": ARN}, finished_at("s3://films/ours/sub_1"))


@pytest.mark.parametrize("place", ["https://elsewhere.example/films", "s3://x/../y?z", ""])
async def test_results_that_are_said_to_be_elsewhere_are_not_fetched(
    bedrock_at: At, refused_url: str, place: str
) -> None:
    bedrock = await bedrock_at(refused_url)

    with pytest.raises(ProviderUnavailable, match="no place in S3"):
        await bedrock.outputs({"id": ARN}, finished_at(place))


def finished_at(place: str) -> Snapshot:
    document = {"invocationArn": ARN, "status": "Completed"}
    return snapshot_of({**document, "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": place}}})


async def test_a_picture_is_the_first_frame_of_a_single_shot(sandbox: RunningSandbox, catalogue: Catalogue) -> None:
    drawn = io.BytesIO()
    Image.new("RGB", (1280, 720), "navy").save(drawn, "JPEG")
    film = catalogue.model("bedrock_nova_reel_v1")

    async def chunks() -> AsyncIterator[bytes]:
        yield drawn.getvalue()

    file = InputFile(name="a.jpg", media_type="image/jpeg", size=1, chunks=chunks)
    async with opened_scene("bedrock", sandbox, film) as scene:
        link = await scene.provider.attach(file, token="sub_1")
        bare = replace(scene, part=replace(scene.part, params={"prompt": "waves"}))
        _, last = await bare.finished(image=link)
        refused = await bare.submit(bare.submission(image=PHOTO_URL))
        with pytest.raises(ProviderFailed, match="image/png, image/jpeg"):
            await scene.provider.attach(replace(file, media_type="image/webp"), token="sub_1")

    assert last.status is JobStatus.GENERATED
    assert isinstance(refused, Rejected)
    assert "must be 1280x720" in refused.message
    with pytest.raises(ValidationError, match="upload the file"):
        NovaReelInput(prompt="waves", image="https://example.com/a.png")
    with pytest.raises(ValidationError, match="single shot"):
        NovaReelInput(prompt="waves", image="file_06FNXQ3W9E8Y7ZKDRT2M5S4HBC", duration=12)


def test_nova_reel_makes_one_shot_or_several() -> None:
    one = NovaReelInput.as_input({"prompt": "a cat", "duration": 6, "seed": 7})
    several = NovaReelInput.as_input({"prompt": "a cat", "duration": 12})

    assert one == {
        "taskType": "TEXT_VIDEO",
        "textToVideoParams": {"text": "a cat"},
        "videoGenerationConfig": {"durationSeconds": 6, "fps": 24, "dimension": "1280x720", "seed": 7},
    }
    assert (several["taskType"], several["multiShotAutomatedParams"]) == ("MULTI_SHOT_AUTOMATED", {"text": "a cat"})
    with pytest.raises(ValidationError, match="512"):
        NovaReelInput(prompt="x" * 513)
    assert NovaReelInput(prompt="x" * 513, duration=12).duration == 12
