"""The sandbox really upscales pictures, in the requested format."""

import io

import av
import pytest
from PIL import Image

from sandbox.pictures.upscaling import Sharpening, UpscaleOptions, WorkFailedError, upscale
from sandbox.pictures.videos import RATE, filmed
from sandbox.vendors.replicate.models import SHARPENING
from sandbox.vendors.replicate.tqdm_progress import tqdm_line
from tests.sandbox.caller import a_photo, format_of, size_of


def an_order(*, factor: int = 2, kind: str = "jpg", sharpening: Sharpening = SHARPENING["CGI"]) -> UpscaleOptions:
    return UpscaleOptions(
        factor=factor, format="png" if kind == "png" else "jpg", sharpening=sharpening, max_pixels=10**6
    )


@pytest.mark.parametrize("factor", [1, 2, 4, 6])
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_the_result_has_the_size_and_format_that_were_asked_for(factor: int, kind: str) -> None:
    larger = upscale(a_photo(20, 15), an_order(factor=factor, kind=kind))

    assert size_of(larger) == (20 * factor, 15 * factor)
    assert format_of(larger) == {"jpg": "JPEG", "png": "PNG"}[kind]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_all_usual_formats_are_read(kind: str) -> None:
    assert size_of(upscale(a_photo(20, 15, kind), an_order())) == (40, 30)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "I;16"])
def test_pictures_of_any_colour_mode_are_read(mode: str) -> None:
    file = io.BytesIO()
    picture = Image.new("I;16", (9, 9)) if mode == "I;16" else Image.new("RGBA", (9, 9), (9, 9, 9, 9)).convert(mode)
    picture.save(file, "TIFF")

    assert size_of(upscale(file.getvalue(), an_order())) == (18, 18)


def test_transparency_stays_in_a_png_and_becomes_white_in_a_jpg() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(file, "PNG")

    with Image.open(io.BytesIO(upscale(file.getvalue(), an_order(kind="png")))) as png:
        assert png.mode == "RGBA"
    with Image.open(io.BytesIO(upscale(file.getvalue(), an_order(kind="jpg")))) as jpg:
        assert jpg.getpixel((0, 0)) == (255, 255, 255)


def test_a_photo_taken_sideways_comes_out_upright() -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 10)).save(file, "JPEG", exif=exif)

    assert size_of(upscale(file.getvalue(), an_order())) == (20, 40)


def test_every_enhance_model_makes_another_picture() -> None:
    results = {upscale(a_photo(), an_order(kind="png", sharpening=one)) for one in SHARPENING.values()}

    assert len(results) == len(SHARPENING)


@pytest.mark.parametrize("garbage", [b"", b"<html>", a_photo()[:40]])
def test_what_is_no_picture_is_refused(garbage: bytes) -> None:
    with pytest.raises(WorkFailedError, match="cannot identify image file"):
        upscale(garbage, an_order())


def test_progress_looks_like_tqdm() -> None:
    assert tqdm_line(step=21, total=50, elapsed=1.275) == " 42%|████▏     | 21/50 [00:01<00:01, 16.47it/s]"
    assert tqdm_line(step=50, total=50, elapsed=2.0).startswith("100%|██████████| 50/50 [00:02<00:00,")


def test_a_video_is_a_video_and_equal_seeds_give_equal_ones() -> None:
    film = filmed("a lighthouse", (160, 96), 2)

    with av.open(io.BytesIO(film), "r") as container:
        stream = container.streams.video[0]
        seen = (stream.codec_context.name, stream.width, stream.height, stream.frames)
    assert seen == ("h264", 160, 96, 2 * RATE)
    assert film == filmed("a lighthouse", (160, 96), 2) != filmed("another", (160, 96), 2)
