"""Cleaning a photo: in the guarded process, compared with bare Pillow in this one."""

import asyncio
import io
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Final

from PIL import Image, ImageOps

from aijobs.adapters.media.picture_reader import PictureReader
from aijobs.adapters.media.settings import PictureSettings
from bench.report import Aim, Report, milliseconds, ratio

ROUNDS: Final = 40
SIZE: Final = (2304, 1728)  #: 4 megapixels, as many cameras of phones give
QUALITY: Final = 92
MOST_TIMES_BARE: Final = 2


async def measure(*, quick: bool) -> Report:
    rounds = 5 if quick else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        Image.effect_mandelbrot(SIZE, (-1.5, -1.0, 0.5, 1.0), 60).convert("RGB").save(photo, quality=QUALITY)
        async with PictureReader.opened(PictureSettings()) as reader:
            first = await _seconds(lambda: reader.clean(photo))
            pairs = [
                (await _seconds(lambda: reader.clean(photo)), await _seconds(lambda: asyncio.to_thread(_bare, photo)))
                for _ in range(rounds)
            ]
    ours, bare = (median(side) for side in zip(*pairs, strict=True))
    return Report(
        title="A photo of 4 megapixels made clean",
        how=f"{rounds} rounds, ours and bare Pillow in turns; the first of ours starts the process",
        columns=("", "ours", "bare Pillow", "ours : bare"),
        rows=[("a photo", milliseconds(ours), milliseconds(bare), ratio(ours, bare))],
        aims=[Aim(f"at most {MOST_TIMES_BARE} times as long as bare Pillow", ours <= MOST_TIMES_BARE * bare)],
        notes=[f"The first photo took {milliseconds(first)}."],
    )


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    started_at = time.perf_counter()
    await work()
    return time.perf_counter() - started_at


def _bare(path: Path) -> bytes:
    """The usual code for a trusted photo."""
    buffer = io.BytesIO()
    with Image.open(path) as photo:
        ImageOps.exif_transpose(photo).convert("RGB").save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
