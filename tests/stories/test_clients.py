"""The Python clients, as an application uses them, while the API is killed and started again."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aijobs_client import AsyncClient, Client, Job, JobCanceled, JobEvent, JobStatus
from PIL import Image

from tests.stories.stack import PHOTO, TIMEOUT, UPSCALE, StoryStack, running_stack

DOCUMENTATION = Path(__file__).parent.parent.parent / "docs" / "clients.md"


@pytest.fixture(scope="module")
async def fragile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    async with running_stack(tmp_path_factory.mktemp("clients")) as stack:
        yield stack


class ApiKiller:
    """Kills the API once the job is in a status, and starts it again. Keeps every event."""

    def __init__(self, stack: StoryStack, status: JobStatus) -> None:
        self._stack = stack
        self._status = status
        self.events: list[JobEvent] = []

    async def on_event(self, event: JobEvent) -> None:
        is_first = all(earlier.job_status != self._status for earlier in self.events)
        self.events.append(event)
        if event.job_status == self._status and is_first:
            await self._stack.kill("api")
            await self._stack.start("api")

    def assert_nothing_is_missing_or_twice(self) -> None:
        assert [event.seq for event in self.events] == list(range(1, len(self.events) + 1))
        assert self.events[-1].is_final


async def test_an_application_waits_over_the_death_of_the_api(fragile: StoryStack, tmp_path: Path) -> None:
    killer = ApiKiller(fragile, JobStatus.PROCESSING)
    async with AsyncClient(url=str(fragile.api.base_url), key=key_of(fragile), user="ada") as client:
        photo = await client.upload(PHOTO)
        job = await client.submit(UPSCALE, {"image": photo.code, "upscale_factor": 2})

        done = await client.wait(job.code, timeout=TIMEOUT, on_event=killer.on_event)
        files = await client.download(done, tmp_path)

    killer.assert_nothing_is_missing_or_twice()
    assert_twice_as_wide(files)


async def test_a_thread_waits_over_the_death_of_the_api(fragile: StoryStack, tmp_path: Path) -> None:
    killer, loop = ApiKiller(fragile, JobStatus.QUEUED), asyncio.get_running_loop()

    def pass_on(event: JobEvent) -> None:
        asyncio.run_coroutine_threadsafe(killer.on_event(event), loop).result()

    def work() -> list[Path]:
        with Client(url=str(fragile.api.base_url), key=key_of(fragile), user="ada") as client:
            job = client.submit(UPSCALE, {"image": client.upload(PHOTO).code, "upscale_factor": 2})
            return client.download(client.wait(job.code, timeout=TIMEOUT, on_event=pass_on), tmp_path)

    files = await asyncio.to_thread(work)

    killer.assert_nothing_is_missing_or_twice()
    assert_twice_as_wide(files)


async def test_the_example_of_the_documentation_works(fragile: StoryStack, tmp_path: Path) -> None:
    _, example, _ = re.split("^```(?:python)?$", DOCUMENTATION.read_text("utf-8"), maxsplit=2, flags=re.MULTILINE)
    replacements = {"https://jobs.example.com": str(fragile.api.base_url), "aijobs_…": key_of(fragile)}
    replacements |= {"photo.jpg": str(PHOTO), "results/": f"{tmp_path}/results/"}
    for placeholder, value in replacements.items():
        example = example.replace(f'"{placeholder}"', repr(value))

    await asyncio.to_thread(exec, example, {})

    (result,) = (tmp_path / "results").iterdir()
    with Image.open(PHOTO) as before, Image.open(result) as after:
        assert after.width == 4 * before.width


async def test_a_canceled_job_ends_the_waiting_for_it(fragile: StoryStack) -> None:
    async with AsyncClient(url=str(fragile.api.base_url), key=key_of(fragile), user="ada") as client:
        photo = await client.upload(PHOTO)
        job = await client.submit(UPSCALE, {"image": photo.code})
        waiting: asyncio.Task[Job] = asyncio.create_task(client.wait(job.code, timeout=TIMEOUT))

        await client.cancel(job.code, reason="no longer needed")
        with pytest.raises(JobCanceled, match="no longer needed") as canceled:
            await waiting

    assert canceled.value.job.job_status == JobStatus.CANCELED


def key_of(stack: StoryStack) -> str:
    return str(stack.api.headers["Authorization"]).removeprefix("Bearer ")


def assert_twice_as_wide(files: list[Path]) -> None:
    with Image.open(PHOTO) as before, Image.open(files[0]) as after:
        assert after.width == 2 * before.width
