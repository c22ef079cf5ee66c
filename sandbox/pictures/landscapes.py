"""The drawn pictures: landscapes whose light, hills and colours are derived from the seed; deterministic."""

import hashlib
import io
import math
import random
from typing import Final

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter, ImageOps

SIDE: Final = 512  #: pixels; a single picture has the area of a square of this side
LONGEST_RATIO: Final = 8.0
HILLS: Final = 5
UPSCALE: Final = 2
SMALLER: Final = 8

Size = tuple[int, int]
Colour = tuple[int, int, int]

#: Zenith, middle and horizon of the sky, and the nearest hill.
PALETTES: Final = (
    ("#0b1d3a", "#7d4f8c", "#ffb067", "#0d1321"),
    ("#123c69", "#5ba4cf", "#fdf0d5", "#16324f"),
    ("#2b0f36", "#b23a68", "#ffd27d", "#1d0a26"),
    ("#04293a", "#1b7f79", "#f4e9cd", "#021b24"),
    ("#1f2041", "#5a6acf", "#f7c8e0", "#12122b"),
    ("#3d1308", "#d1603d", "#ffe8a3", "#220a05"),
)


def size_of(ratio: float) -> Size:
    """Width and height of a single picture, both even."""
    bounded = min(max(ratio, 1 / LONGEST_RATIO), LONGEST_RATIO)
    width = SIDE * math.sqrt(bounded)
    return _even(width), _even(width / bounded)


def as_grid(singles: list[Image.Image]) -> list[Image.Image]:
    """The grid of four, twice as wide and high as a single picture, followed by the four: tl, tr, bl, br."""
    width, height = singles[0].size
    grid = Image.new("RGB", (2 * width, 2 * height))
    for number, single in enumerate(singles):
        grid.paste(single, (number % 2 * width, number // 2 * height))
    return [grid, *singles]


def enlarged(picture: Image.Image, factor: int = UPSCALE) -> Image.Image:
    larger = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.LANCZOS)
    return larger.filter(ImageFilter.UnsharpMask(radius=2, percent=60, threshold=2))


def encoded(picture: Image.Image, ending: str = "png") -> bytes:
    """As a file with this ending: png, jpg or webp."""
    file = io.BytesIO()
    match ending:
        case "jpg":
            picture.save(file, "JPEG", quality=90)
        case "webp":
            picture.save(file, "WEBP", quality=85, method=2)
        case _:
            picture.save(file, "PNG", compress_level=3)
    return file.getvalue()


def landscape(seed: str, size: Size) -> Image.Image:
    """A sky with a sun or moon over hills that fade into the distance. Blocking."""
    rng = random.Random(hashlib.sha256(seed.encode()).digest())
    zenith, middle, horizon, ground = (_rgb(name) for name in rng.choice(PALETTES))
    picture = _sky(size, zenith, middle, horizon)
    _stars(picture, rng)
    picture = _with_sun(picture, rng, horizon)
    for number in range(1, HILLS + 1):
        nearness = number / HILLS
        _hill(picture, rng, nearness, _mixed(_mixed(middle, horizon, 0.35), ground, nearness**0.8))
    return _softened(picture)


def _sky(size: Size, zenith: Colour, middle: Colour, horizon: Colour) -> Image.Image:
    ramp = Image.linear_gradient("L").resize(size, Image.Resampling.BICUBIC)
    return ImageOps.colorize(ramp, black=zenith, mid=middle, white=horizon, midpoint=120)


def _stars(picture: Image.Image, rng: random.Random) -> None:
    draw = ImageDraw.Draw(picture, "RGBA")
    for _ in range(rng.randint(20, 70)):
        x, y = rng.random() * picture.width, rng.random() ** 2 * picture.height * 0.5
        radius = rng.uniform(0.3, 1.2)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 255, 255, rng.randint(60, 200)))


def _with_sun(picture: Image.Image, rng: random.Random, light: Colour) -> Image.Image:
    """A disc and its glow, blended with the screen mode."""
    shorter = min(picture.size)
    centre = rng.uniform(0.2, 0.8) * picture.width, rng.uniform(0.25, 0.55) * picture.height
    shining = ImageChops.screen(picture, _glow(picture.size, centre, light))
    _disc(shining, centre, shorter * rng.uniform(0.05, 0.1), _mixed(light, (255, 255, 255), 0.6))
    return shining


def _glow(size: Size, centre: tuple[float, float], light: Colour) -> Image.Image:
    """Drawn small, since it has no sharp edges, and blurring is slow."""
    small = Image.new("RGB", (size[0] // SMALLER, size[1] // SMALLER))
    x, y = centre[0] / SMALLER, centre[1] / SMALLER
    for share, strength in ((0.9, 0.16), (0.5, 0.2), (0.26, 0.3)):
        _disc(small, (x, y), share * min(small.size) / 2, _mixed((0, 0, 0), light, strength))
        small = small.filter(ImageFilter.GaussianBlur(share * min(small.size) / 9))
    return small.resize(size, Image.Resampling.BICUBIC)


def _disc(picture: Image.Image, centre: tuple[float, float], radius: float, colour: Colour) -> None:
    x, y = centre
    ImageDraw.Draw(picture).ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _hill(picture: Image.Image, rng: random.Random, nearness: float, colour: Colour) -> None:
    """A ridge of three waves; nearer hills are lower and darker."""
    width, height = picture.size
    base = height * (0.5 + 0.42 * nearness)
    waves = [
        (rng.uniform(0.4, 1.0) * height * 0.09 / number, rng.uniform(0.7, 1.6) * number, rng.uniform(0, math.tau))
        for number in (1, 2, 4)
    ]
    ridge = [
        (x, base + sum(tall * math.sin(times * math.tau * x / width + phase) for tall, times, phase in waves))
        for x in range(0, width + 4, 4)
    ]
    ImageDraw.Draw(picture).polygon([*ridge, (width, height), (0, height)], fill=colour)


def _softened(picture: Image.Image) -> Image.Image:
    """Softens the edges of what was drawn in whole pixels."""
    return picture.filter(ImageFilter.SMOOTH)


def _rgb(name: str) -> Colour:
    red, green, blue = ImageColor.getrgb(name)[:3]
    return red, green, blue


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)
