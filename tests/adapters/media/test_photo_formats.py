"""Photos as phones, cameras and scanners write them: all are reviewed, upright and without their metadata."""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from aijobs.adapters.media.image_check import check_image
from aijobs.adapters.media.photo_cleaning import clean_photo
from aijobs.adapters.media.photo_measures import opened_copy
from aijobs.adapters.media.picture_reader import PictureReader
from aijobs.adapters.media.settings import PictureSettings
from aijobs.adapters.media.sniffing import sniffed
from aijobs.adapters.media.thumbnail import thumbnail
from aijobs.domain.errors import FileTooLarge, UnreadableFile
from tests.adapters.media import bombs

#: Written by libheif, since no decoder writes HEIC: a picture of 96 × 64 pixels, its quarters red, green, blue, yellow.
SAMPLES = Path(__file__).parent / "samples"


def quarters() -> Image.Image:
    picture = Image.new("RGB", (96, 64), (200, 30, 30))
    picture.paste((30, 200, 30), (48, 0, 96, 32))
    picture.paste((30, 30, 200), (0, 32, 48, 64))
    picture.paste((230, 230, 40), (48, 32, 96, 64))
    return picture


def turned() -> bytes:
    return (SAMPLES / "turned.heic").read_bytes()


def with_video_behind(photo: bytes) -> bytes:
    """A motion photo: a short film behind the picture, and a word of it in front (as Pixel and Galaxy write them)."""
    film = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + struct.pack(">I", 4008) + b"mdat" + bytes(4000)
    note = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta GCamera:MotionPhoto='1' GCamera:MicroVideoOffset='4032'/>"
    return photo[:2] + b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note + photo[2:] + film


NAMES = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200), "yellow": (230, 230, 40)}
AS_IT_LOOKS = ["red", "green", "blue", "yellow"]


def colours_of(photo: bytes) -> list[str]:
    """Of the four quarters, row by row."""
    with Image.open(io.BytesIO(photo)) as opened:
        small = opened.convert("RGB").resize((2, 2), Image.Resampling.BOX)
    return [_nearest(small.getpixel(place)) for place in ((0, 0), (1, 0), (0, 1), (1, 1))]


def _nearest(colour: Any) -> str:
    return min(NAMES, key=lambda name: sum(abs(one - other) for one, other in zip(NAMES[name], colour, strict=True)))


@pytest.mark.parametrize(
    ("make", "media_type"),
    [
        (lambda: bombs.encoded(quarters(), "AVIF", quality=95), "image/avif"),
        (lambda: bombs.with_second_picture(quarters(), Image.new("RGB", (9, 9)), quality=95), "image/jpeg"),
        (lambda: with_video_behind(bombs.encoded(quarters(), "JPEG", quality=95)), "image/jpeg"),
        (lambda: (SAMPLES / "two.heic").read_bytes(), "image/heic"),
        (lambda: (SAMPLES / "two.heic").read_bytes() + struct.pack(">I", 4008) + b"mpvd" + bytes(4000), "image/heic"),
        (
            lambda: bombs.with_chunks(
                bombs.encoded(quarters()),
                bombs.profile_chunk(bombs.srgb_profile(3_000_000)),
                bombs.text_chunk(5_000_000),
            ),
            "image/png",
        ),
    ],
    ids=["AVIF", "two pictures", "motion photo", "HEIC", "HEIC with a film", "PNG with much said"],
)
def test_each_photo_is_taken_as_it_looks(make: Callable[[], bytes], media_type: str) -> None:
    photo = make()

    facts = check_image(photo)
    clean = clean_photo(photo)

    assert (facts.media_type, facts.width, facts.height) == (media_type, 96, 64)
    assert (clean.width, clean.height) == (96, 64)
    assert colours_of(clean.content) == AS_IT_LOOKS
    assert opened_copy(photo)[1] == (96, 64)
    assert colours_of(thumbnail(photo, 64)) == AS_IT_LOOKS


def test_a_turned_heic_is_upright_and_says_nothing_of_its_owner() -> None:
    clean = clean_photo(turned())

    assert b"Ada" in turned()
    assert b"Ada" not in clean.content
    assert (clean.width, clean.height) == (64, 96)
    assert colours_of(clean.content) == ["blue", "red", "yellow", "green"]


def test_what_is_transparent_in_a_heic_is_white() -> None:
    with Image.open(io.BytesIO(clean_photo((SAMPLES / "alpha.heic").read_bytes()).content)) as clean:
        colour: Any = clean.getpixel((40, 30))

    assert colour == pytest.approx((227, 142, 142), abs=12)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"])
def test_heic_is_known_by_each_of_its_brands(brand: bytes) -> None:
    assert sniffed(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1heic", complete=False).media_type == "image/heic"


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.95])
def test_half_a_heic_is_refused(share: float) -> None:
    with pytest.raises(UnreadableFile):
        check_image(turned()[: int(len(turned()) * share)])


@pytest.mark.parametrize("options", [{"big_tiff": True}, {"compression": "tiff_lzw"}])
def test_a_tiff_may_be_uploaded_in_each_of_its_forms(options: dict[str, Any]) -> None:
    picture = bombs.encoded(quarters(), "TIFF", **options)

    facts = check_image(picture)

    assert (facts.media_type, facts.width, facts.height) == ("image/tiff", 96, 64)
    assert colours_of(thumbnail(picture, 64)) == AS_IT_LOOKS


async def test_large_heics_are_decoded_within_the_limits_or_refused() -> None:
    async with PictureReader.opened(PictureSettings()) as reader:
        facts = await reader.check(SAMPLES / "large.heic")
        assert (facts.width, facts.height) == (8000, 6000)
        with pytest.raises(FileTooLarge, match="12000 × 9000 pixels"):
            await reader.check(SAMPLES / "too_large.heic")

    small = PictureSettings(memory_bytes=300 * 1024**2)
    async with PictureReader.opened(small) as reader:
        with pytest.raises(FileTooLarge, match="too much memory"):
            await reader.check(SAMPLES / "large.heic")
