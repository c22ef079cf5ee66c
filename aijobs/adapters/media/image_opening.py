"""Opening an uploaded picture: in supported formats, within our limits, and with one error for all damage.

Decoders of uploaded pictures run in `picture_process` only.
"""

import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Final

from pi_heif import HeifImageFile
from PIL import Image, ImageFile, JpegImagePlugin

from aijobs.adapters.media.image_size import HEAD_BYTES, image_size
from aijobs.adapters.media.png_chunks import without_large_metadata
from aijobs.adapters.media.settings import PictureSettings
from aijobs.adapters.media.sniffing import HEIC, JPEG, PICTURES, PNG, WEBP, Media, sniffed
from aijobs.domain.errors import FileTooLarge, UnreadableFile

DEFAULT_LIMITS: Final = PictureSettings()

#: Pillow's decoder for each media type
DECODERS: Final = {media: media.media_type.removeprefix("image/").upper() for media in PICTURES if media != HEIC}

PROFILE: Final = "icc_profile"

ORIENTATION: Final = 0x0112
#: The transposition for each orientation (Exif 2.32, 4.6.4); the only other orientation is 1, upright.
TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

#: everything that Pillow's decoders raise for broken files
_DAMAGE: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    RuntimeError,
    struct.error,
)

#: What the decoder of HEIC raises as an error of its own.
_MEMORY: Final = re.compile("memory alloc|security limit|bad_alloc", re.IGNORECASE)

#: Bits of a channel: by Pillow's mode, or after the `;` of what the file holds, as in `RGBA;16B`.
_BITS_OF_MODE: Final = {"I": 32, "F": 32}
_BITS_IN_FILE: Final = re.compile(r";(16|24|32|64)")


@dataclass(frozen=True)
class OpenedImage:
    """`size` is that of the stored picture, in pixels; `image` may be a smaller draft."""

    image: ImageFile.ImageFile
    media: Media
    size: tuple[int, int]


@contextmanager
def opened_image(picture: Path | bytes, limits: PictureSettings, *, draft: int | None = None) -> Iterator[OpenedImage]:
    """The picture, not decoded yet. Errors of damaged files in the block become UnreadableFile.

    With `draft` a JPEG is opened at the smallest decodable size whose sides are at least that long; the limits apply
    to that size. Raises UnreadableFile and FileTooLarge.
    """
    with _damage_translated(limits), _without_warnings(), _file_of(picture) as file:
        head = file.read(HEAD_BYTES)
        file.seek(0)
        media = _media_of(head)
        if media == WEBP and (size := image_size(head)):  # its decoder allocates the memory when it opens the file
            _check_pixels(*size, limits)
        with _opened(file, media) as image:
            stored = image.size
            if draft is not None:
                image.draft(None, (draft, draft))
            _check_pixels(*image.size, limits)
            _check_bytes(image, limits)
            yield OpenedImage(image, media, stored)


def orientation_of(image: Image.Image) -> int | None:
    """The orientation in its Exif data; unreadable Exif data is ignored, as browsers do."""
    image.load()
    try:
        orientation = image.getexif().get(ORIENTATION)
    except _DAMAGE:
        return None
    return orientation if orientation in TURNS else None


def upright(image: Image.Image) -> Image.Image:
    orientation = orientation_of(image)
    return image if orientation is None else image.transpose(TURNS[orientation])


@contextmanager
def _damage_translated(limits: PictureSettings) -> Iterator[None]:
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise FileTooLarge(f"The picture has more than {limits.max_pixels:,} pixels, the most that we take.") from bomb
    except _DAMAGE as damage:
        if _MEMORY.search(str(damage)):
            raise FileTooLarge("The picture needs too much memory to be read.") from damage
        raise UnreadableFile("The picture is damaged or incomplete.") from damage


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Pillow warns of metadata that it ignores; ignoring is intended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _file_of(picture: Path | bytes) -> IO[bytes]:
    return BytesIO(picture) if isinstance(picture, bytes) else picture.open("rb")


def _media_of(head: bytes) -> Media:
    media = sniffed(head, complete=len(head) < HEAD_BYTES)
    if media not in PICTURES:
        raise UnreadableFile(
            "This is not a picture in a format that we read: JPEG, PNG, WebP, GIF, TIFF, AVIF or HEIC."
        )
    return media


def _opened(file: IO[bytes], media: Media) -> ImageFile.ImageFile:
    if media == JPEG:
        # Not Image.open, which looks for further pictures: phones append previews and depth maps.
        return JpegImagePlugin.JpegImageFile(file)
    if media == HEIC:
        return _opened_heic(file)
    if media == PNG:
        content, profile = without_large_metadata(file)
        image = Image.open(content, formats=[DECODERS[PNG]])
        if profile:
            image.info[PROFILE] = profile
        return image
    return Image.open(file, formats=[DECODERS[media]])


def _opened_heic(file: IO[bytes]) -> ImageFile.ImageFile:
    """The main picture, turned upright by its decoder. Others in the file are previews, depths, or of a burst."""
    try:
        picture: ImageFile.ImageFile = HeifImageFile(file)
    except SyntaxError as damage:
        raise UnreadableFile("The HEIC picture is damaged or incomplete.") from damage
    return picture


def _check_pixels(width: int, height: int, limits: PictureSettings) -> None:
    if width * height > limits.max_pixels:
        raise FileTooLarge(
            f"The picture has {width} × {height} pixels; {limits.max_pixels:,} is the most that we take."
        )


def _check_bytes(image: ImageFile.ImageFile, limits: PictureSettings) -> None:
    in_file = max((int(bits) for tile in image.tile for bits in _BITS_IN_FILE.findall(str(tile.args))), default=8)
    bits = max(in_file, _BITS_OF_MODE.get(image.mode, 8))
    decoded = image.width * image.height * len(image.getbands()) * bits // 8
    if decoded > limits.max_decoded_bytes:
        raise FileTooLarge(
            f"The picture has {image.width} × {image.height} pixels of {len(image.getbands())} × {bits} bits, "
            f"{decoded:,} bytes; {limits.max_decoded_bytes:,} is the most that we take."
        )
