"""Upscaling a picture."""

import io
from dataclasses import dataclass
from typing import Final, Literal

from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

MEDIA_TYPES: Final = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "mp4": "video/mp4"}
UNREADABLE: Final = (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError)

Format = Literal["jpg", "png"]


class WorkFailedError(Exception):
    """The work failed. The message is what the vendor reports, often about an unusable input."""


@dataclass(frozen=True, kw_only=True)
class Sharpening:
    """An unsharp mask; radius in pixels of the result, amount in percent."""

    radius: float
    amount: int


@dataclass(frozen=True, kw_only=True)
class UpscaleOptions:
    """How to upscale a picture."""

    factor: int
    sharpening: Sharpening
    format: Format
    max_pixels: int


def upscale(source: bytes, options: UpscaleOptions) -> bytes:
    """The picture `factor` times as wide and high. Blocking; raises WorkFailedError."""
    try:
        with Image.open(io.BytesIO(source)) as picture:
            _check_size(picture.width * picture.height * options.factor**2, options.max_pixels)
            upright = _in_colour(ImageOps.exif_transpose(picture), options.format)
    except UNREADABLE as unreadable:
        raise WorkFailedError(f"cannot identify image file: {unreadable}") from unreadable
    size = (upright.width * options.factor, upright.height * options.factor)
    larger = upright.resize(size, Image.Resampling.LANCZOS)
    mask = ImageFilter.UnsharpMask(radius=options.sharpening.radius, percent=options.sharpening.amount, threshold=2)
    return _encoded(larger.filter(mask), options.format)


def _check_size(pixels: int, limit: int) -> None:
    if pixels > limit:
        raise WorkFailedError(f"the output would have {pixels} pixels, the limit is {limit}")


def _in_colour(picture: Image.Image, target: Format) -> Image.Image:
    """RGB, or RGBA where the picture is transparent and the format supports it; for JPEG on a white background."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    transparent = picture.convert("RGBA")
    if target == "png":
        return transparent
    ground = Image.new("RGBA", transparent.size, "white")
    return Image.alpha_composite(ground, transparent).convert("RGB")


def _encoded(picture: Image.Image, target: Format) -> bytes:
    file = io.BytesIO()
    if target == "png":
        picture.save(file, "PNG", compress_level=3)
    else:
        picture.save(file, "JPEG", quality=92)
    return file.getvalue()
