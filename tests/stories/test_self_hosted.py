"""Servers of one's own behind the whole stack: a real cog server, which tells by webhooks alone, and ComfyUI."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from PIL import Image

from tests.providers.cog.server import INSTALLED, needs_cog, running_cog
from tests.stories.stack import PHOTO, StoryStack, running_stack


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    folder = tmp_path_factory.mktemp("self_hosted")
    async with AsyncExitStack() as opened:
        servers = {}
        if INSTALLED.exists():
            servers["painter"] = await opened.enter_async_context(running_cog(folder / "cog"))
        settings = {
            "AIJOBS_COG__TOKEN": "none",
            "AIJOBS_COG__SERVERS": json.dumps(servers),
            "AIJOBS_COMFYUI__TOKEN": "none",
        }
        yield await opened.enter_async_context(running_stack(folder / "stack", public=True, settings=settings))


async def added(stack: StoryStack, source: str) -> str:
    response = await stack.api.post("/api/models", json={"source": source, "output_kind": "image"})
    assert response.status_code == 201, response.text
    return str(response.json()["model_id"])


@needs_cog
async def test_two_pictures_from_a_server_that_paints_one_at_a_time(stack: StoryStack) -> None:
    model = await added(stack, "cog:painter")
    order = {"params": {"prompt": "a lighthouse", "width": 96, "seconds": 1}, "model_id": model, "user_id": "ada"}
    jobs = [await stack.api.post("/api/jobs", json=order) for _ in range(2)]
    codes = [job.json()["code"] for job in jobs]

    statuses = await asyncio.gather(*(stack.statuses(code) for code in codes))
    outputs = [(await stack.job(code))["outputs"] for code in codes]

    assert [trail[-1] for trail in statuses] == ["SUCCESS", "SUCCESS"]
    assert [[(one["media_type"], one["width"]) for one in made] for made in outputs] == [[("image/png", 96)]] * 2


async def test_a_photo_is_handed_to_comfyui_though_it_reads_no_links(stack: StoryStack) -> None:
    model = await added(stack, "comfyui:image_upscale")
    with Image.open(PHOTO) as photo:
        width = photo.width

    code = await stack.submit(model=model, params={"scale_by": 0.5, "image": await stack.upload(PHOTO.read_bytes())})

    assert (await stack.statuses(code))[-1] == "SUCCESS"
    (output,) = (await stack.job(code))["outputs"]
    assert (output["media_type"], output["width"]) == ("image/png", round(width * 0.5))
