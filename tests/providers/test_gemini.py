"""Traps of Google's Gemini API: successes without results, a key that belongs to one host, and names in URLs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr, ValidationError

from aijobs.adapters.download.downloader import SafeDownloader
from aijobs.adapters.download.settings import DownloadSettings
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import ProviderFailed
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.jobs.submissions import Rejected, Unknown
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import InputFile
from aijobs.providers.gemini import GeminiSettings, opened
from aijobs.providers.gemini.adapter import KEY_HEADER, MAX_PICTURE
from aijobs.providers.gemini.answers import snapshot_of
from aijobs.providers.gemini.parameters import VeoInput
from aijobs.providers.gemini.specimen import NAME
from sandbox.pictures.videos import filmed
from sandbox.server import RunningSandbox
from tests.providers.conftest import SHORT
from tests.providers.parts import PARTS
from tests.providers.scene import Scene, opened_scene

At = Callable[..., Awaitable[Any]]
KEY = "AIza-a-key-that-must-stay-secret"


@pytest.fixture
async def veo(sandbox: RunningSandbox, catalogue: Catalogue) -> AsyncIterator[Scene]:
    async with opened_scene("gemini", sandbox, catalogue.model(PARTS["gemini"].model_id)) as scene:
        yield scene


@pytest.fixture
def gemini_at(stack: AsyncExitStack) -> Callable[..., Awaitable[Provider]]:
    async def open_it(base_url: str) -> Provider:
        settings = GeminiSettings(token=SecretStr(KEY), base_url=base_url, download_hosts=("127.0.0.1",))
        return await stack.enter_async_context(opened(settings, timeouts=SHORT))

    return open_it


def done(*uris: str, **more: Any) -> dict[str, Any]:
    samples = [{"video": {"uri": uri}} for uri in uris]
    return {"name": NAME, "done": True, "response": {"generateVideoResponse": {"generatedSamples": samples, **more}}}


async def test_what_a_filter_holds_back_fails_with_its_reason(veo: Scene) -> None:
    veo.sandbox.misbehave("zero_outputs", on="create")

    _, last = await veo.finished()

    assert (last.status, last.final) == (JobStatus.FAILED, True)
    assert last.error is not None
    assert "can't create videos with this content" in last.error.message


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"raiMediaFilteredReasons": ["Too loud.", 7, "Too dark."]}, "Too loud. Too dark."),
        ({"raiMediaFilteredCount": 1}, "The video was held back by Google's filters."),
        ({}, "Google has made no video, and says no more."),
    ],
)
def test_a_success_without_videos_is_a_failure(more: dict[str, Any], reason: str) -> None:
    snapshot = snapshot_of(done(**more))

    assert snapshot.status is JobStatus.FAILED
    assert snapshot.error is not None
    assert snapshot.error.message == reason


@pytest.mark.parametrize(
    "document", [{"done": "yes"}, {"done": False, "response": {}}, {"metadata": {"state": "DONE"}}]
)
def test_only_done_is_an_end(document: dict[str, Any]) -> None:
    assert not snapshot_of({"name": NAME, **document}).final


@pytest.mark.parametrize(
    "name", ["models/../../secret", "models/x/operations/y/../z", "operations/y?key=", "", None, 7]
)
async def test_a_name_that_is_none_is_no_acceptance(
    vendor_that: At, server: Any, gemini_at: At, veo: Scene, name: object
) -> None:
    vendor = await vendor_that(server.answers(200, {"name": name}))
    request = replace(veo.submission().request, url=f"{vendor.url}/v1beta/models/veo:predictLongRunning")

    assert isinstance(await (await gemini_at(vendor.url)).submit(request), Unknown)


@pytest.mark.parametrize(
    ("status", "word", "details", "expected"),
    [
        (400, "FAILED_PRECONDITION", [], ("provider_blocked", False, None)),
        (400, "INVALID_ARGUMENT", [], ("provider_rejected", False, None)),
        (403, "PERMISSION_DENIED", [], ("provider_rejected", False, None)),
        (429, "RESOURCE_EXHAUSTED", [], ("provider_throttled", True, None)),
        (429, "RESOURCE_EXHAUSTED", [{"retryDelay": "34.07s"}], ("provider_throttled", True, timedelta(seconds=35))),
        (429, "RESOURCE_EXHAUSTED", ["?", {"retryDelay": 5}, {}], ("provider_throttled", True, None)),
    ],
)
async def test_an_error_means_what_its_word_says(
    vendor_that: At,
    server: Any,
    gemini_at: At,
    veo: Scene,
    status: int,
    word: str,
    details: list[Any],
    expected: tuple[str, bool, timedelta | None],
) -> None:
    error = {"code": status, "message": f"Because of {KEY}.", "status": word, "details": details}
    vendor = await vendor_that(server.answers(status, {"error": error}))
    request = replace(veo.submission().request, url=f"{vendor.url}/v1beta/models/veo:predictLongRunning")

    outcome = await (await gemini_at(vendor.url)).submit(request)

    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.may_retry, outcome.retry_after) == expected
    assert outcome.message == "Because of (the key)."


async def test_the_key_is_for_the_api_and_nobody_else(gemini_at: At) -> None:
    gemini = await gemini_at("https://api.example")
    elsewhere = [
        "https://evil.example/v1beta/files/a",
        "http://api.example/v1beta/files/a",
        "https://api.example.evil/x",
        "https://[api.example",
    ]
    ours = ["https://api.example/v1beta/files/a:download?alt=media", "https://api.example/v1beta/files/a"]

    sources = await gemini.outputs({"id": NAME}, snapshot_of(done(*elsewhere, *ours)))

    assert [source.headers for source in sources] == [{}] * 4 + [{KEY_HEADER: KEY}] * 2
    assert [source.url for source in sources[:4]] == elsewhere
    assert {source.url for source in sources[4:]} == {ours[0]}


async def test_the_key_is_left_behind_when_a_download_is_redirected(
    vendor_that: At, server: Any, gemini_at: At
) -> None:
    film = filmed("a lighthouse", (64, 48), 1)
    elsewhere = await vendor_that(server.answers(200, film, content_type="video/mp4"))
    api = await vendor_that(server.answers(302, Location=f"{elsewhere.url}/film.mp4"))
    gemini = await gemini_at(api.url)
    (source,) = await gemini.outputs({"id": NAME}, snapshot_of(done(f"{api.url}/v1beta/files/a:download?alt=media")))
    hosts = tuple(urlsplit(one.url).netloc for one in (api, elsewhere))

    async with (
        SafeDownloader(DownloadSettings(allow_hosts=hosts)) as downloader,
        downloader.fetch(source, expect=OutputKind.VIDEO, hosts=gemini.download_hosts) as download,
    ):
        content = b"".join([chunk async for chunk in download.chunks])

    assert content == film
    assert api.received[0].headers[KEY_HEADER] == KEY
    assert KEY_HEADER not in elsewhere.received[0].headers
    assert KEY not in repr(elsewhere.received)


async def test_a_picture_is_a_part_of_the_request(veo: Scene) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"\x89PNG"

    small = InputFile(name="a.png", media_type="image/png", size=4, chunks=chunks)
    link = await veo.provider.attach(small, token="sub_1")
    request = veo.submission(image=link).request

    assert request.body["instances"][0]["image"] == {"bytesBase64Encoded": "iVBORw==", "mimeType": "image/png"}
    with pytest.raises(ProviderFailed, match="up to"):
        await veo.provider.attach(replace(small, size=MAX_PICTURE + 1), token="sub_1")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"image": "https://example.com/a.png"}, "upload the file"),
        ({"resolution": "1080p", "duration": 4}, "duration of 8"),
        ({"duration": 5}, "duration"),
        ({"seed": 7}, "seed"),
    ],
)
def test_what_veo_refuses_is_refused_before(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        VeoInput.model_validate({"prompt": "a lighthouse", **wrong})
