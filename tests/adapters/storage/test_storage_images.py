"""Pictures: their size from the first bytes, and whether an upload really is one."""

import io
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aijobs.adapters.media.image_check import check_image
from aijobs.adapters.media.image_size import HEAD_BYTES, image_size
from aijobs.domain.errors import FileTooLarge, UnreadableFile
from aijobs.domain.values.pictures import ImageFacts

FORMATS = ["PNG", "JPEG", "WEBP", "GIF", "AVIF"]


@cache
def a_picture(picture_format: str, width: int = 320, height: int = 200, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((width, height), 60).convert("RGB").save(file, picture_format, **options)
    return file.getvalue()


def a_png_that_claims(width: int, height: int) -> bytes:
    """A few bytes that unpack to any size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("picture_format", FORMATS)
@pytest.mark.parametrize("size", [(1, 1), (320, 200), (2047, 33)])
def test_the_size_is_in_the_header(picture_format: str, size: tuple[int, int]) -> None:
    assert image_size(a_picture(picture_format, *size)[:HEAD_BYTES]) == size


@pytest.mark.parametrize("options", [{"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0" + bytes(20)}])
def test_every_kind_of_webp_is_understood(options: dict[str, Any]) -> None:
    assert image_size(a_picture("WEBP", **options)) == (320, 200)


@pytest.mark.parametrize("options", [{"progressive": True}, {"exif": b"Exif\0\0" + bytes(60_000)}, {"comment": b"x"}])
def test_every_kind_of_jpeg_is_understood(options: dict[str, Any]) -> None:
    assert image_size(a_picture("JPEG", **options)) == (320, 200)


def test_a_size_beyond_what_pillow_opens_is_still_told() -> None:
    assert image_size(a_png_that_claims(40_000, 30_000)) == (40_000, 30_000)


@pytest.mark.parametrize("picture_format", FORMATS)
def test_a_header_cut_short_tells_nothing(picture_format: str) -> None:
    assert image_size(a_picture(picture_format)[:9]) is None


@given(st.sampled_from(FORMATS), st.integers(0, 400), st.binary(max_size=8))
def test_no_damage_to_a_header_raises(picture_format: str, at: int, damage: bytes) -> None:
    picture = a_picture(picture_format, 32, 20)

    image_size(picture[:at] + damage + picture[at + len(damage) :])


@pytest.mark.parametrize("content", [b"", b"words", b"%PDF-1.7", b"<svg width='1' height='1'/>"])
def test_what_is_no_picture_has_no_size(content: bytes) -> None:
    assert image_size(content) is None


@pytest.mark.parametrize(
    ("picture_format", "media_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("TIFF", "image/tiff"),
        ("AVIF", "image/avif"),
    ],
)
def test_an_uploaded_picture_is_taken(tmp_path: Path, picture_format: str, media_type: str) -> None:
    picture = a_picture(picture_format)
    (tmp_path / "upload").write_bytes(picture)

    assert check_image(picture) == ImageFacts(media_type, 320, 200)
    assert check_image(tmp_path / "upload") == ImageFacts(media_type, 320, 200)


@pytest.mark.parametrize("picture_format", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_half_a_picture_is_refused(picture_format: str, share: float) -> None:
    picture = a_picture(picture_format)

    with pytest.raises(UnreadableFile):
        check_image(picture[: int(len(picture) * share)])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a picture"),
        (b"<svg width='1' height='1'/>", "not a picture"),
        (b"<!doctype html>", "not a picture"),
        (b"%PDF-1.7", "not a picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "damaged"),
        (b"\xff\xd8\xff" + bytes(100), "damaged"),
    ],
)
def test_what_is_no_picture_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        check_image(content)


@pytest.mark.parametrize("size", [(7_072, 7_072), (9_500, 9_500), (40_000, 40_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    with pytest.raises(FileTooLarge, match="50,000,000"):
        check_image(a_png_that_claims(*size))


@given(st.sampled_from(FORMATS), st.integers(0, 2000), st.binary(min_size=1, max_size=8))
def test_damage_is_either_noticed_or_harmless(picture_format: str, at: int, damage: bytes) -> None:
    picture = a_picture(picture_format, 32, 20)

    try:
        check_image(picture[:at] + damage + picture[at + len(damage) :])
    except (UnreadableFile, FileTooLarge):
        return


def test_a_webp_bomb_is_refused_before_its_canvas_is_made() -> None:
    header = b"\0\0\0\0" + (16_382).to_bytes(3, "little") * 2
    canvas = b"WEBPVP8X" + len(header).to_bytes(4, "little") + header

    with pytest.raises(FileTooLarge, match="16383 × 16383"):
        check_image(b"RIFF" + len(canvas).to_bytes(4, "little") + canvas)
