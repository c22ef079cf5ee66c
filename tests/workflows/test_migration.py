"""Moving the outputs of a job: side by side within bounds, and each of them once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response
from temporalio.client import Client, WorkflowFailureError

from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.domain.jobs.submissions import Ref
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot
from tests.adapters.media.recordings import recording
from tests.adapters.storage.site import served
from tests.patience import PATIENCE
from tests.workflows.conftest import running_workbench
from tests.workflows.local import StepProvider

COUNT: Final = 6
S = JobStatus


class Gallery:
    """A web server of texts, each answered after a pause. The first answers for `expired` are 404."""

    def __init__(self, *, pause: float = 0.3, expired: frozenset[int] = frozenset()) -> None:
        self.app = FastAPI()
        self.asked: Counter[int] = Counter()
        self.most_at_once = 0
        self._pause = pause
        self._expired = expired
        self._open = 0
        self.app.get("/{index}")(self.serve)

    async def serve(self, index: int) -> Response:
        self.asked[index] += 1
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        await asyncio.sleep(self._pause)
        self._open -= 1
        if index in self._expired and self.asked[index] == 1:
            return Response(status_code=404)
        return PlainTextResponse(f"output {index}")


class ManyOutputs(StepProvider):
    """Has COUNT outputs on a web server. Implements Provider."""

    def __init__(self, url: str, *, spoilt: int | None = None) -> None:
        super().__init__([S.GENERATED])
        self._url = url
        self._spoilt = spoilt

    async def outputs(self, _ref: Ref, _snapshot: Snapshot) -> list[OutputSource]:
        sources = [OutputSource(kind=OutputKind.TEXT, url=f"{self._url}/{index}") for index in range(COUNT)]
        if self._spoilt is not None:
            sources[self._spoilt] = OutputSource(kind=OutputKind.TEXT, content=b"\x89PNG\r\n\x1a\n" + bytes(64))
        return sources


class Absentminded(StepProvider):
    """Has results of a finished job alone. Implements Provider."""

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[OutputSource]:
        return await super().outputs(ref, snapshot) if snapshot.status is S.GENERATED else []


@pytest.fixture
async def gallery() -> AsyncIterator[tuple[Gallery, str]]:
    gallery = Gallery()
    async with served(gallery.app) as url:
        yield gallery, url


@pytest.mark.parametrize(
    ("limits", "most"), [({}, 4), ({"outputs_at_once": 2}, 2), ({"transfers": 1}, 1)], ids=["as shipped", "job", "all"]
)
async def test_outputs_are_moved_side_by_side_within_the_bounds(
    temporal_client: Client, tmp_path: Path, gallery: tuple[Gallery, str], limits: dict[str, int], most: int
) -> None:
    site, url = gallery
    async with running_workbench(
        temporal_client,
        tmp_path,
        providers={"local": ManyOutputs(url)},
        download={"allow_hosts": [urlsplit(url).netloc]},
        worker=limits,
    ) as bench:
        job = await bench.start()
        state = await job.result()
        outputs = await bench.records.outputs.of_job(job.id)
        texts = [(tmp_path / "store" / output.key).read_text() for output in outputs]

    assert state.job_status is S.SUCCESS
    assert texts == [f"output {index}" for index in range(COUNT)]
    assert site.most_at_once == most
    assert set(site.asked.values()) == {1}


async def test_an_output_that_has_to_wait_does_not_stop_the_others(temporal_client: Client, tmp_path: Path) -> None:
    site = Gallery(expired=frozenset({1}))
    async with (
        served(site.app) as url,
        running_workbench(
            temporal_client,
            tmp_path,
            providers={"local": ManyOutputs(url)},
            download={"allow_hosts": [urlsplit(url).netloc]},
        ) as bench,
    ):
        state = await (await bench.start()).result()

    assert state.job_status is S.SUCCESS
    assert site.asked == {index: 2 if index == 1 else 1 for index in range(COUNT)}


async def test_an_output_that_can_never_be_moved_ends_the_job_and_leaves_nothing(
    temporal_client: Client, tmp_path: Path
) -> None:
    site = Gallery(pause=60)
    async with (
        served(site.app) as url,
        running_workbench(
            temporal_client,
            tmp_path,
            providers={"local": ManyOutputs(url, spoilt=2)},
            download={"allow_hosts": [urlsplit(url).netloc]},
        ) as bench,
    ):
        job = await bench.start()
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(WorkflowFailureError):
                await job.result()
        last = (await bench.history(job.id))[-1]
        left = [file for file in (tmp_path / "store").rglob("*") if file.is_file()]

    assert last.job_status is S.FAILED
    assert last.detail["error"]["code"] == "output_refused"
    assert left == []


async def test_a_finished_job_that_the_provider_does_not_know_for_a_moment_keeps_its_results(
    temporal_client: Client, tmp_path: Path
) -> None:
    provider = Absentminded([S.GENERATED, S.SUBMITTED, S.PROCESSING, S.GENERATED])
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        job = await bench.start()
        state = await job.result()

    assert state.job_status is S.SUCCESS


VIDEO_MODEL = """
[models.local_v1]
output_kind = "video"
"""


NOTHING_IN_IT = (
    b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\x00\x00\x00\x08moov" + b"\x00\x00\x00\x10mdat" + bytes(8)
)


class TwoVideos(StepProvider):
    """One that plays, and one with nothing in it. Implements Provider."""

    def __init__(self) -> None:
        super().__init__([S.GENERATED])

    async def outputs(self, _ref: Ref, _snapshot: Snapshot) -> list[OutputSource]:
        plays = recording("webm", video="libvpx", audio="libopus", seconds=2)
        return [OutputSource(kind=OutputKind.VIDEO, content=content) for content in (plays, NOTHING_IN_IT)]


async def test_videos_are_looked_into_and_kept_whatever_is_found(temporal_client: Client, tmp_path: Path) -> None:
    async with running_workbench(
        temporal_client, tmp_path, providers={"local": TwoVideos()}, overlay=VIDEO_MODEL
    ) as bench:
        job = await bench.start()
        state = await job.result()
        plays, broken = await bench.records.outputs.of_job(job.id)

    assert state.job_status is S.SUCCESS
    assert (plays.media_type, plays.width, plays.height) == ("video/webm", 160, 96)
    assert plays.media is not None
    assert (plays.media.container, plays.media.video_codec, plays.media.audio_codec) == ("webm", "vp8", "opus")
    assert plays.media.duration == pytest.approx(2, abs=0.1)
    assert (broken.media_type, broken.media) == ("video/mp4", None)
