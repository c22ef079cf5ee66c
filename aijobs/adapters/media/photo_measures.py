"""Measuring a photo: sharpness, light, contrast, colour, noise, and where the salient parts are.

Done by Pillow's own filters on a copy of at most 1024 pixels, so that the figures of different photos can be compared.
"""

import math
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops, ImageFilter, ImageStat

from aijobs.adapters.media.image_opening import DEFAULT_LIMITS, opened_image, orientation_of, upright
from aijobs.adapters.media.settings import PictureSettings
from aijobs.domain.photos import Measurements

SIDE: Final = 1024  #: pixels of the copy's longer side
TILES: Final = 8  #: in each direction
GRID: Final = 48  #: cells of the saliency map, in each direction
GREY: Final = 128  #: the offset of filters, so that negative values are kept
BLACK_BELOW: Final = 3
WHITE_ABOVE: Final = 252
MIN_SALIENCY: Final = 4.0  #: of 255: below this maximum the photo has no salient part

LAPLACIAN: Final = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=GREY)
#: J. Immerkær, "Fast Noise Variance Estimation", 1996: the residual when edges are filtered out.
NOISE: Final = ImageFilter.Kernel((3, 3), (1, -2, 1, -2, 4, -2, 1, -2, 1), scale=1, offset=GREY)
NOISE_FACTOR: Final = math.sqrt(math.pi / 2) / 6
#: Independent noise of variance 1 has this variance after the Laplacian: the sum of its squared weights.
LAPLACIAN_GAIN: Final = 20

SIDES_SWAPPED: Final = range(5, 9)  #: orientations

QUALITY: Final = 85  #: of the JPEG that is sent to a language model

Box = tuple[int, int, int, int]


def opened_copy(photo: Path | bytes, limits: PictureSettings = DEFAULT_LIMITS) -> tuple[Image.Image, tuple[int, int]]:
    """An upright copy in RGB, at most SIDE wide and high, and the size of the whole photo.

    Raises UnreadableFile and FileTooLarge.
    """
    with opened_image(photo, limits, draft=SIDE) as opened:
        copy, stored = opened.image, opened.size
        copy.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
        size = (stored[1], stored[0]) if orientation_of(copy) in SIDES_SWAPPED else stored
        return upright(copy).convert("RGB"), size


def copy_to_show(photo: Path | bytes, limits: PictureSettings = DEFAULT_LIMITS) -> bytes:
    """The measured copy, as a JPEG. Raises UnreadableFile and FileTooLarge."""
    buffer = BytesIO()
    opened_copy(photo, limits)[0].save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def measured(copy: Image.Image, size: tuple[int, int]) -> Measurements:
    """`size` is that of the whole photo."""
    grey = copy.convert("L")
    light = ImageStat.Stat(grey)
    histogram, pixels = grey.histogram(), grey.width * grey.height
    noise = _noise(grey)
    return Measurements(
        width=size[0],
        height=size[1],
        brightness=round(light.mean[0], 1),
        contrast=round(light.stddev[0], 1),
        black=round(sum(histogram[:BLACK_BELOW]) / pixels, 4),
        white=round(sum(histogram[WHITE_ABOVE:]) / pixels, 4),
        sharpness=round(_sharpness(grey, noise), 1),
        noise=round(noise, 2),
        saturation=round(ImageStat.Stat(copy.convert("HSV").getchannel("S")).mean[0] / 255, 3),
        colourfulness=round(_colourfulness(copy), 1),
        cast=round(_cast(copy), 1),
        thirds=_thirds(copy),
    )


def _tiles(grey: Image.Image) -> Iterator[Box]:
    """Tiles of at least one pixel, without the border, which filters do not change."""
    across, down = min(TILES, grey.width - 2), min(TILES, grey.height - 2)
    for row in range(down):
        for column in range(across):
            yield (
                1 + column * (grey.width - 2) // across,
                1 + row * (grey.height - 2) // down,
                1 + (column + 1) * (grey.width - 2) // across,
                1 + (row + 1) * (grey.height - 2) // down,
            )


def _sharpness(grey: Image.Image, noise: float) -> float:
    """Of the sharpest quarter of the tiles: a blurred background does not count."""
    edges = grey.filter(LAPLACIAN)
    variances = sorted(ImageStat.Stat(edges.crop(tile)).var[0] for tile in _tiles(grey))
    if not variances:
        return 0.0
    sharpest = variances[-max(1, len(variances) // 4) :]
    return max(0.0, sum(sharpest) / len(sharpest) - LAPLACIAN_GAIN * noise**2)


def _noise(grey: Image.Image) -> float:
    """Of the smoothest tiles: elsewhere fine structure would be measured as noise."""
    residual = ImageChops.difference(grey.filter(NOISE), Image.new("L", grey.size, GREY))
    means = sorted(ImageStat.Stat(residual.crop(tile)).mean[0] for tile in _tiles(grey))
    smoothest = means[: max(1, len(means) // 8)]
    return NOISE_FACTOR * sum(smoothest) / len(smoothest) if smoothest else 0.0


def _colourfulness(copy: Image.Image) -> float:
    """D. Hasler, S. Süsstrunk, "Measuring colourfulness in natural images", 2003: 0 is grey, above 80 very vivid."""
    red, green, blue = copy.split()
    reddish = ImageStat.Stat(ImageChops.subtract(red, green, scale=2, offset=GREY))
    yellow = ImageChops.add(red, green, scale=2)
    yellowish = ImageStat.Stat(ImageChops.subtract(yellow, blue, scale=2, offset=GREY))
    spread = math.hypot(reddish.stddev[0], yellowish.stddev[0])
    distance = math.hypot(reddish.mean[0] - GREY, yellowish.mean[0] - GREY)
    return 2 * (spread + 0.3 * distance)


def _cast(copy: Image.Image) -> float:
    """How far the mean colour is from grey: the largest difference between its channels."""
    means = ImageStat.Stat(copy).mean
    return max(means) - min(means)


def _thirds(copy: Image.Image) -> float | None:
    """Saliency is the difference from the photo's mean colour (R. Achanta et al., "Frequency-tuned salient region
    detection", 2009); cells are weighted by their nearness to the points of the rule of thirds."""
    mean = Image.new("RGB", copy.size, tuple(round(part) for part in ImageStat.Stat(copy).mean))
    differing = ImageChops.difference(copy.filter(ImageFilter.GaussianBlur(2)), mean).convert("L")
    cells = list(differing.resize((GRID, GRID), Image.Resampling.BOX).tobytes())
    if max(cells) < MIN_SALIENCY:
        return None
    above = [max(0.0, cell - sum(cells) / len(cells)) for cell in cells]
    total = sum(above)
    if total == 0:
        return None
    nearness = [_nearness(index % GRID, index // GRID) for index in range(GRID * GRID)]
    weighted = sum(weight * near for weight, near in zip(above, nearness, strict=True)) / total
    return round(weighted / (sum(nearness) / len(nearness)), 3)


def _nearness(column: int, row: int) -> float:
    """1 at a point of the rule of thirds, falling to 0 within a third of the photo."""
    across = min(abs((column + 0.5) / GRID - third) for third in (1 / 3, 2 / 3))
    down = min(abs((row + 0.5) / GRID - third) for third in (1 / 3, 2 / 3))
    return math.exp(-(across**2 + down**2) / (2 * 0.12**2))
