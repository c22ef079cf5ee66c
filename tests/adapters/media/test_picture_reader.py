"""Decoding pictures in separate processes: the results are the same, and crashes are contained."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from aijobs.adapters.media.image_check import check_image
from aijobs.adapters.media.photo_cleaning import clean_photo
from aijobs.adapters.media.photo_measures import copy_to_show, measured, opened_copy
from aijobs.adapters.media.picture_reader import PictureReader
from aijobs.adapters.media.settings import PictureSettings
from aijobs.adapters.media.thumbnail import thumbnail
from aijobs.domain.errors import BadInput, FileTooLarge, TooBusy, UnreadableFile
from tests.adapters.media import bombs
from tests.patience import PATIENCE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")

PHOTO = Path(__file__).parents[3] / "cli" / "samples" / "sample.jpg"
MODULE = "aijobs.adapters.media.picture_process"

#: Picture processes of whatever else is open in this test run.
OTHERS: set[int] = set()


@pytest.fixture(autouse=True)
def others_are_left_out() -> Iterator[None]:
    OTHERS.update(picture_processes())
    yield
    OTHERS.clear()


@pytest.fixture
async def reader() -> AsyncIterator[PictureReader]:
    async with PictureReader.opened(PictureSettings()) as reader:
        yield reader


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def picture_processes(parent: int | None = None) -> list[int]:
    found = children_of(parent or os.getpid())
    return [pid for pid in found if pid not in OTHERS and MODULE in Path(f"/proc/{pid}/cmdline").read_text()]


async def until(happens: Callable[[], Any]) -> Any:
    async with asyncio.timeout(PATIENCE):
        while not (found := happens()):
            await asyncio.sleep(0.005)
    return found


async def test_what_comes_back_is_what_would_have_been_made_here(reader: PictureReader) -> None:
    content = PHOTO.read_bytes()

    assert await reader.check(PHOTO) == check_image(content)
    assert await reader.clean(PHOTO) == clean_photo(content)
    assert await reader.thumbnail(PHOTO, 96, square=True) == thumbnail(content, 96, square=True)
    assert await reader.thumbnail(PHOTO, 96) == thumbnail(content, 96)
    assert await reader.measure(PHOTO) == measured(*opened_copy(content))
    assert await reader.copy_to_show(PHOTO) == copy_to_show(content)
    assert len(picture_processes()) == 1


async def test_it_may_come_in_memory_or_chunk_by_chunk(reader: PictureReader) -> None:
    content = PHOTO.read_bytes()

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(content), 1000):
            yield content[at : at + 1000]

    assert await reader.check(chunks()) == await reader.check(content) == check_image(PHOTO)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: b"", UnreadableFile, "not a picture"),
        (lambda: PHOTO.read_bytes()[:9000], UnreadableFile, "damaged or incomplete"),
        (lambda: bombs.one_colour(9400), FileTooLarge, "9400 × 9400 pixels; 50,000,000 is the most"),
        (lambda: bombs.sixteen_bit_rgba(6000, 6000), FileTooLarge, "4 × 16 bits, 288,000,000 bytes"),
        (lambda: bombs.long_gif(200_000), UnreadableFile, "JPEG, PNG or WebP"),
        (lambda: bombs.moving_webp(), UnreadableFile, "moves"),
    ],
    ids=["empty", "cut off", "bomb", "16-bit bomb", "long gif", "moving webp"],
)
async def test_what_is_refused_is_refused_with_the_reason(
    reader: PictureReader, make: Callable[[], bytes], error: type[BadInput], message: str
) -> None:
    with pytest.raises(error, match=message):
        await reader.clean(make())


async def test_a_gif_of_any_length_is_looked_at_once(reader: PictureReader) -> None:
    facts = await reader.check(bombs.long_gif(200_000))

    assert (facts.width, facts.height) == (64, 48)


async def test_what_needs_too_much_memory_is_refused_and_the_next_one_is_read() -> None:
    settings = PictureSettings(memory_bytes=300 * 1024**2, max_decoded_bytes=1024**3)
    async with PictureReader.opened(settings) as reader:
        with pytest.raises(FileTooLarge, match="too much memory"):
            await reader.clean(bombs.one_colour(7000, "RGBA"))
        assert await reader.check(PHOTO) == check_image(PHOTO)


async def test_what_needs_too_much_processor_time_is_refused_and_the_next_one_is_read() -> None:
    settings = PictureSettings(processor_time=timedelta(seconds=1), patience=timedelta(minutes=5))
    async with PictureReader.opened(settings) as reader:
        lying = Image.Exif()
        lying[0x0112] = 6
        layered = Image.new("RGBA", (7000, 7000), (200, 9, 9, 99))
        slow = bombs.encoded(layered, exif=lying, icc_profile=bombs.srgb_profile())
        with pytest.raises(UnreadableFile, match="takes too long"):
            await reader.clean(slow)
        assert await reader.check(PHOTO) == check_image(PHOTO)


async def test_a_process_that_hangs_is_replaced() -> None:
    async with PictureReader.opened(PictureSettings(patience=timedelta(seconds=3))) as reader:
        await reader.check(PHOTO)
        (hanging,) = picture_processes()
        os.kill(hanging, signal.SIGSTOP)
        with pytest.raises(TooBusy, match="takes too long"):
            await reader.check(PHOTO)

        assert await reader.check(PHOTO) == check_image(PHOTO)
        assert hanging not in picture_processes()


async def test_a_process_that_is_killed_at_work_harms_nobody_else(reader: PictureReader) -> None:
    await reader.check(PHOTO)
    (process,) = picture_processes()
    working = asyncio.create_task(reader.clean(bombs.one_colour(7000, "RGBA")))
    (forked,) = await until(lambda: children_of(process))
    os.kill(forked, signal.SIGKILL)

    with pytest.raises(UnreadableFile, match="too much memory"):
        await working
    assert await reader.check(PHOTO) == check_image(PHOTO)
    assert picture_processes() == [process]


async def test_processes_that_die_are_replaced(reader: PictureReader) -> None:
    await reader.check(PHOTO)
    (idle,) = picture_processes()
    working = asyncio.create_task(reader.clean(bombs.one_colour(7000, "RGBA")))
    await until(lambda: children_of(idle))
    os.kill(idle, signal.SIGKILL)

    with pytest.raises(UnreadableFile, match="within our limits"):
        await working
    assert await reader.check(PHOTO) == check_image(PHOTO)


async def test_those_that_would_wait_too_long_are_sent_away() -> None:
    settings = PictureSettings(at_once=1, waiting=1, longest_wait=timedelta(milliseconds=50))
    slow = bombs.one_colour(7000, "RGBA")
    async with PictureReader.opened(settings) as reader:
        first = asyncio.create_task(reader.check(slow))
        await until(picture_processes)
        second = asyncio.create_task(reader.check(PHOTO))
        await asyncio.sleep(0)
        with pytest.raises(TooBusy, match="Too many pictures") as refused:
            await reader.check(PHOTO)
        with pytest.raises(TooBusy, match="take too long"):
            await second
        await first

        assert refused.value.retry_after is not None
        assert await reader.check(PHOTO) == check_image(PHOTO)


async def test_whoever_gives_up_leaves_nothing_behind(reader: PictureReader) -> None:
    leaving = asyncio.create_task(reader.clean(bombs.one_colour(7000, "RGBA")))
    (process,) = await until(picture_processes)
    (forked,) = await until(lambda: children_of(process))
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving

    await until(lambda: not Path(f"/proc/{forked}").exists())
    assert picture_processes() == []
    assert await reader.check(PHOTO) == check_image(PHOTO)


async def test_a_process_knows_nothing_worth_stealing(reader: PictureReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIJOBS_SECRET", "hush")
    await reader.check(PHOTO)
    (process,) = picture_processes()

    environment = Path(f"/proc/{process}/environ").read_text()
    assert "hush" not in environment
    assert {line.partition("=")[0] for line in environment.split("\0") if line} == {
        "PYTHONPATH",
        "PYTHONDONTWRITEBYTECODE",
        "LC_ALL",
        "MALLOC_ARENA_MAX",
    }


async def test_processes_end_with_their_reader() -> None:
    async with PictureReader.opened(PictureSettings()) as reader:
        await asyncio.gather(*(reader.check(PHOTO) for _ in range(4)))
        assert len(picture_processes()) == 2

    assert picture_processes() == []


async def test_a_process_that_has_nothing_to_do_ends() -> None:
    async with PictureReader.opened(PictureSettings(), kept_idle=timedelta(seconds=0.1)) as reader:
        await asyncio.gather(*(reader.check(PHOTO) for _ in range(4)))
        await until(lambda: not picture_processes())
        assert (await reader.check(PHOTO)).media_type == "image/jpeg"
        assert len(picture_processes()) == 1


async def test_a_process_yields_to_us(reader: PictureReader) -> None:
    await reader.check(PHOTO)
    [process] = picture_processes()

    assert os.getpriority(os.PRIO_PROCESS, process) >= min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)
    autogroup = Path(f"/proc/{process}/autogroup")
    if autogroup.exists() and autogroup.read_text():
        assert autogroup.read_text().split()[-1] == "10"


PARENT = """
import asyncio, sys
from pathlib import Path
from aijobs.adapters.media.picture_reader import PictureReader
from aijobs.adapters.media.settings import PictureSettings

async def main():
    async with PictureReader.opened(PictureSettings()) as reader:
        await reader.check(Path(sys.argv[1]))
        print("ready", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_processes_die_with_their_parent() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(PHOTO), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"ready\n"
    (process,) = picture_processes(parent.pid)
    os.kill(process, signal.SIGSTOP)  # it cannot end of its own accord
    parent.kill()
    await parent.wait()

    await until(lambda: not is_alive(process))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
