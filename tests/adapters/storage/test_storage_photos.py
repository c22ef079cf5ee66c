"""Cleaned photos: upright, in sRGB, without metadata; or refused."""

import io
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from aijobs.adapters.media.photo_cleaning import clean_photo
from aijobs.adapters.media.thumbnail import thumbnail
from aijobs.domain.errors import AijobsError, FileTooLarge, UnreadableFile
from tests.adapters.media import bombs

RED, BLUE = (200, 30, 40), (20, 40, 200)
ORIENTATION, GPS, DESCRIPTION = 0x0112, 0x8825, 0x010E


def halves(width: int = 64, height: int = 32) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(BLUE, (width // 2, 0, width, height))
    return picture


def encoded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation: int = 1) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION], tags[DESCRIPTION], tags[GPS] = orientation, "at my house", {1: "N", 2: (31.0, 13.0, 48.0)}
    return tags


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def is_near(actual: Any, expected: tuple[int, int, int]) -> bool:
    return all(abs(part - target) < 25 for part, target in zip(actual, expected, strict=True))


def test_what_lies_on_its_side_is_turned() -> None:
    clean = clean_photo(encoded(halves(), quality=95, exif=exif(6)))

    photo = opened(clean.content)
    assert (clean.width, clean.height) == photo.size == (32, 64)
    assert is_near(photo.getpixel((16, 4)), RED)
    assert is_near(photo.getpixel((16, 60)), BLUE)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_nothing_that_was_written_into_it_is_left(kind: str) -> None:
    more = {"comment": b"at my house"} if kind == "JPEG" else {}
    source = encoded(halves(), kind, exif=exif(), **more)

    clean = clean_photo(source)

    assert b"at my house" in source
    assert b"at my house" not in clean.content
    assert dict(opened(clean.content).getexif()) == {}
    assert not {"exif", "comment", "icc_profile", "xmp"} & opened(clean.content).info.keys()


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_other_colours_become_rgb(mode: str) -> None:
    clean = clean_photo(encoded(halves().convert(mode)))

    assert opened(clean.content).mode == "RGB"


def test_a_photos_own_colour_profile_is_applied() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    clean = clean_photo(encoded(halves(), quality=95, icc_profile=lab))

    assert is_near(opened(clean.content).getpixel((4, 16)), RED)


def test_a_broken_colour_profile_is_left_aside() -> None:
    clean = clean_photo(encoded(halves(), quality=95, icc_profile=b"nonsense" * 20))

    assert is_near(opened(clean.content).getpixel((4, 16)), RED)


def test_what_is_transparent_becomes_white() -> None:
    clean = clean_photo(encoded(Image.new("RGBA", (40, 40), (255, 0, 0, 0)), "PNG"))

    assert is_near(opened(clean.content).getpixel((20, 20)), (255, 255, 255))


def test_sixteen_bits_are_scaled_and_not_cut_off() -> None:
    deep = Image.new("I;16", (40, 40), 128 * 257)

    clean = clean_photo(encoded(deep, "PNG"))

    assert is_near(opened(clean.content).getpixel((20, 20)), (128, 128, 128))


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (encoded(Image.new("RGB", (1, 1))), UnreadableFile, "1 × 1 pixels"),
        (encoded(Image.new("1", (20_000, 10_000)), "PNG"), FileTooLarge, "pixels"),
        (encoded(halves(), "WEBP", save_all=True, append_images=[halves(64, 32).rotate(180)]), UnreadableFile, "moves"),
        (encoded(halves(), "PNG", save_all=True, append_images=[halves(64, 32).rotate(180)]), UnreadableFile, "moves"),
        (encoded(halves(), "GIF"), UnreadableFile, "JPEG, PNG or WebP"),
        (encoded(halves(), "TIFF"), UnreadableFile, "JPEG, PNG or WebP"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', UnreadableFile, "not a picture"),
        (encoded(Image.effect_noise((200, 200), 90))[:9000], UnreadableFile, "damaged or incomplete"),
        (b"", UnreadableFile, "not a picture"),
        (b"%PDF-1.7", UnreadableFile, "not a picture"),
    ],
    ids=["pixel", "bomb", "webp moves", "png moves", "gif", "tiff", "svg", "cut off", "empty", "pdf"],
)
def test_what_is_no_still_photo_is_refused(content: bytes, error: type[AijobsError], message: str) -> None:
    with pytest.raises(error, match=message):
        clean_photo(content)


def test_it_may_be_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(encoded(halves()))

    assert clean_photo(path) == clean_photo(path.read_bytes())


def test_a_small_one_keeps_its_shape() -> None:
    small = opened(thumbnail(encoded(halves(640, 320)), 100))

    assert (small.format, small.size) == ("WEBP", (100, 50))


@pytest.mark.parametrize("size", [(48, 32), (32, 48)])
def test_a_phones_second_picture_is_left_behind(size: tuple[int, int]) -> None:
    source = bombs.with_second_picture(halves(), Image.new("L", size))

    clean = clean_photo(source)

    assert opened(source).format == "MPO"
    assert (opened(clean.content).format, clean.width, clean.height) == ("JPEG", 64, 32)
    assert is_near(opened(clean.content).getpixel((4, 16)), RED)


def test_a_second_picture_that_is_cut_off_is_no_damage() -> None:
    source = bombs.with_second_picture(halves(), halves(640, 320))

    assert clean_photo(source[: len(source) - 500]).width == 64


@pytest.mark.parametrize("size", [2_000_000, 15_000_000, 40_000_000], ids=["applied", "the largest", "left aside"])
def test_a_large_colour_profile_is_no_damage(size: int) -> None:
    source = bombs.with_chunks(encoded(halves(), "PNG"), bombs.profile_chunk(bombs.srgb_profile(size)))

    assert is_near(opened(clean_photo(source).content).getpixel((4, 16)), RED)


def test_a_large_profile_of_a_png_is_applied() -> None:
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = swapped.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    source = bombs.with_chunks(encoded(halves(), "PNG"), bombs.profile_chunk(bombs.padded(swapped, 2_000_000)))

    assert is_near(opened(clean_photo(source).content).getpixel((4, 16)), (RED[2], RED[1], RED[0]))


@pytest.mark.parametrize(
    "chunk",
    [
        bombs.text_chunk(100_000_000),
        bombs.text_chunk(10) * 2000,
        bombs.chunk(b"zTXt", b"Comment\0\0no zlib"),
        bombs.chunk(b"zTXt", b"Comment\0\7?"),
        bombs.chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(100_000_000))),
        bombs.chunk(b"iCCP", b"profile\0\7?"),
        bombs.chunk(b"eXIf", b"MM\0*\0\0\0\x08\xff\xff" + bytes(9)),
    ],
    ids=["bomb", "many", "no zlib", "unknown packing", "international bomb", "broken profile", "broken exif"],
)
def test_what_a_png_says_about_itself_is_no_damage(chunk: bytes) -> None:
    clean = clean_photo(bombs.with_chunks(encoded(halves(), "PNG"), chunk))

    assert is_near(opened(clean.content).getpixel((4, 16)), RED)


def test_a_broken_exif_is_no_damage() -> None:
    clean = clean_photo(encoded(halves(), quality=95, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(9)))

    assert (clean.width, clean.height) == (64, 32)


def test_an_orientation_in_a_pngs_small_text_still_counts() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    turned = bombs.chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp))

    clean = clean_photo(bombs.with_chunks(encoded(halves(), "PNG"), turned))

    assert (clean.width, clean.height) == (32, 64)


def test_a_large_jpeg_is_made_small_without_its_full_size() -> None:
    wide = encoded(Image.new("L", (9000, 6000)))

    assert opened(thumbnail(wide, 96)).size == (96, 64)
    with pytest.raises(FileTooLarge):
        clean_photo(wide)
