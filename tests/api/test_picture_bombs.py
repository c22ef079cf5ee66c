"""Many decompression bombs at once: the API's memory and response times stay low."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import pytest
from PIL import Image

from aijobs.adapters.media.picture_reader import PictureReader
from aijobs.adapters.media.settings import PictureSettings
from api.dependencies import ApiDependencies
from tests.adapters.media import bombs
from tests.api.installation import ApiUnderTest, opened_installation
from tests.api.pictures import picture

ADA: Final = {"Aijobs-User": "ada"}
MEGABYTE: Final = 1_000_000
SLOW_HEALTH: Final = 1.0  #: seconds; 95 of 100 checks are quicker: a picture read in this process would take longer
EVERY: Final = 0.02
PATIENT: Final = PictureSettings(longest_wait=timedelta(minutes=5), patience=timedelta(minutes=5))


@dataclass
class Watch:
    """Measurements during something else: bytes of this process, seconds of each health check."""

    memory: list[int] = field(default_factory=list)
    health: list[float] = field(default_factory=list)


@asynccontextmanager
async def watched(api: ApiUnderTest) -> AsyncIterator[Watch]:
    seen = Watch()

    async def look() -> None:
        while True:
            started = time.monotonic()
            answer = await api.http.get("/healthz")
            assert answer.status_code == 200
            seen.health.append(time.monotonic() - started)
            seen.memory.append(memory())
            await asyncio.sleep(EVERY)

    looking = asyncio.create_task(look())
    yield seen
    looking.cancel()
    await asyncio.wait([looking])


def memory() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def opened_photo_api(
    dependencies: ApiDependencies, key: str, settings: PictureSettings
) -> AsyncIterator[ApiUnderTest]:
    async with (
        PictureReader.opened(settings) as pictures,
        opened_installation(replace(dependencies, pictures=pictures), key) as photo_api,
    ):
        yield photo_api


async def hand_in(photo_api: ApiUnderTest, content: bytes) -> Any:
    return await photo_api.http.post(
        "/api/photo-reviews", files={"photo": ("me.png", content)}, headers=ADA, timeout=300
    )


@pytest.mark.parametrize(
    ("make", "allowed"),
    [
        (lambda: bombs.one_colour(9000), {413}),
        (lambda: bombs.one_colour(7000), {202}),
        (lambda: bombs.one_colour(7000, "RGBA"), {202}),
        (lambda: bombs.sixteen_bit_rgba(5000, 5000), {202}),
        (lambda: bombs.encoded(Image.new("1", (7000, 7000))), {202}),
        (lambda: bombs.with_chunks(bombs.one_colour(64), bombs.text_chunk(200_000_000)), {202}),
        (lambda: bombs.with_chunks(bombs.one_colour(64), bombs.profile_chunk(bombs.srgb_profile(200_000_000))), {202}),
        (lambda: bombs.moving_webp(), {422}),
        (lambda: bombs.one_colour(7000)[:100_000], {422}),
    ],
    ids=["81 MP", "49 MP", "layers", "16 bits", "1 bit", "text", "profile", "moving", "cut off"],
)
async def test_eight_at_once_leave_nothing_in_this_process(
    dependencies: ApiDependencies, key: str, make: Callable[[], bytes], allowed: set[int]
) -> None:
    bomb = make()
    async with opened_photo_api(dependencies, key, PATIENT) as photo_api:
        await hand_in(photo_api, picture(320, 240))
        before = memory()
        async with watched(photo_api) as seen:
            answers = await asyncio.gather(*(hand_in(photo_api, bomb) for _ in range(8)))
        afterwards = await hand_in(photo_api, picture(320, 240))

    assert {answer.status_code for answer in answers} <= allowed
    assert max(seen.memory, default=0) - before < 60 * MEGABYTE
    assert quantiles(seen.health, n=20, method="inclusive")[-1] < SLOW_HEALTH
    assert afterwards.status_code == 202


async def test_those_that_would_wait_too_long_are_told_to_come_again(dependencies: ApiDependencies, key: str) -> None:
    settings = PictureSettings(at_once=1, waiting=2, longest_wait=timedelta(minutes=5), patience=timedelta(minutes=5))
    async with opened_photo_api(dependencies, key, settings) as photo_api:
        answers = await asyncio.gather(*(hand_in(photo_api, bombs.one_colour(7000, "RGBA")) for _ in range(8)))
        uploads = await photo_api.upload(picture())

    busy = [answer for answer in answers if answer.status_code == 503]
    assert sorted({answer.status_code for answer in answers}) == [202, 503]
    assert {(answer.json()["code"], answer.headers["Retry-After"]) for answer in busy} == {("too_busy", "5")}
    assert uploads.status_code == 201
