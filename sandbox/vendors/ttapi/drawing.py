"""The pictures of a prompt, or of an action on an earlier picture."""

import io
from typing import Final

from PIL import Image, ImageFilter

from sandbox.pictures.landscapes import Size, as_grid, encoded, enlarged, landscape, size_of
from sandbox.vendors.ttapi.job import MidjourneyJob
from sandbox.vendors.ttapi.request import ratio_in

ZOOM_OF: Final = {"zoom_out_2": 2.0, "zoom_out_1_5": 1.5}


def draw_files(job: MidjourneyJob, source: bytes | None) -> list[tuple[bytes, Size]]:
    """The files of a job with their sizes, the whole picture first. Blocking; `source` is what an action works on."""
    pictures = _new_pictures(job) if source is None else _pictures_of_action(job, source)
    return [(encoded(picture), picture.size) for picture in pictures]


def _new_pictures(job: MidjourneyJob) -> list[Image.Image]:
    """Four pictures that depend on the job's lineage alone."""
    size = size_of(ratio_in(job.prompt))
    return as_grid([landscape(f"{job.lineage}/{number}", size) for number in range(1, 5)])


def _pictures_of_action(job: MidjourneyJob, source: bytes) -> list[Image.Image]:
    with Image.open(io.BytesIO(source)) as opened:
        whole = opened.convert("RGB")
    if job.action.startswith("upsample"):
        return [enlarged(_quarter(whole, int(job.action[-1])))]
    if not job.is_grid:
        return [enlarged(whole)]
    if job.action in ZOOM_OF:
        return as_grid([_zoomed_out(whole, ZOOM_OF[job.action])] * 4)
    return _new_pictures(job)


def _quarter(grid: Image.Image, number: int) -> Image.Image:
    """U1 to U4: top left, top right, bottom left, bottom right."""
    width, height = grid.width // 2, grid.height // 2
    left, top = (number - 1) % 2 * width, (number - 1) // 2 * height
    return grid.crop((left, top, left + width, top + height))


def _zoomed_out(picture: Image.Image, factor: float) -> Image.Image:
    """The picture, smaller, on a blurred copy of itself."""
    background = picture.filter(ImageFilter.GaussianBlur(min(picture.size) / 12))
    inner = picture.resize((int(picture.width / factor), int(picture.height / factor)), Image.Resampling.LANCZOS)
    background.paste(inner, ((picture.width - inner.width) // 2, (picture.height - inner.height) // 2))
    return background
