"""The official `google-genai` client works against the sandbox unchanged: operations, downloads, filters.

Its newer versions make no videos with a key of the Gemini API.
"""

import asyncio
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import av
import pytest
from google.genai import Client, errors, types

from sandbox.server import RunningSandbox
from tests.sandbox.caller import a_photo

MODEL = "veo-3.1-fast-generate-preview"
SHORT = types.GenerateVideosConfig(duration_seconds=4, aspect_ratio="9:16", number_of_videos=1)


@pytest.fixture
def gemini(sandbox: RunningSandbox) -> Iterator[Client]:
    with Client(api_key="any-key", http_options=types.HttpOptions(base_url=sandbox.url)) as client:
        yield client


async def started(client: Client, model: str = MODEL, **more: Any) -> types.GenerateVideosOperation:
    source = types.GenerateVideosSource(prompt="a lighthouse", image=more.get("image"))
    config = more.get("config", SHORT)
    return await asyncio.to_thread(client.models.generate_videos, model=model, source=source, config=config)


async def made(client: Client, **more: Any) -> types.GenerateVideosOperation:
    operation = await started(client, **more)
    while not operation.done:
        await asyncio.sleep(0.05)
        operation = await asyncio.to_thread(client.operations.get, operation)
    return operation


async def test_a_video_is_made_and_downloaded_with_the_key(gemini: Client, sandbox: RunningSandbox) -> None:
    operation = await made(gemini)
    assert operation.response is not None
    (generated,) = operation.response.generated_videos or []
    assert generated.video is not None
    file = urlsplit(generated.video.uri or "").path.removeprefix("/v1beta/").removesuffix(":download")
    content = await asyncio.to_thread(gemini.files.download, file=file)  # it takes a link for one with https alone

    with av.open(io.BytesIO(content or b""), "r") as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (720, 1280)
    other = types.HttpOptions(base_url=sandbox.url)
    with (
        Client(api_key="another-key", http_options=other) as stranger,
        pytest.raises(errors.ClientError, match="NOT_FOUND"),
    ):
        await asyncio.to_thread(stranger.files.download, file=file)


async def test_a_picture_is_the_first_frame(gemini: Client) -> None:
    picture = types.Image(image_bytes=a_photo(), mime_type="image/png")

    operation = await made(gemini, image=picture)

    assert operation.response is not None
    assert len(operation.response.generated_videos or ()) == 1


async def test_what_is_held_back_is_a_success_without_videos(gemini: Client, sandbox: RunningSandbox) -> None:
    sandbox.misbehave("zero_outputs", on="create")

    operation = await made(gemini)

    assert operation.error is None
    assert operation.response is not None
    assert not operation.response.generated_videos
    assert operation.response.rai_media_filtered_count == 1
    assert operation.response.rai_media_filtered_reasons


async def test_failures_and_refusals_are_told(gemini: Client, sandbox: RunningSandbox) -> None:
    sandbox.misbehave("failed", arg="Internal error", on="create")
    failed = await made(gemini)
    refused = types.GenerateVideosConfig(duration_seconds=99)

    assert failed.error == {"code": 13, "message": "Internal error"}
    with pytest.raises(errors.ClientError, match="durationSeconds"):
        await started(gemini, config=refused)
    with pytest.raises(errors.ClientError, match="is not found"):
        await started(gemini, model="veo-0")
