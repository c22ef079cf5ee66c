"""A photo as it may be published: upright, in sRGB, and without metadata."""

import io
from pathlib import Path
from typing import Final

from PIL import Image, ImageCms

from aijobs.adapters.media.image_opening import DEFAULT_LIMITS, PROFILE, OpenedImage, opened_image, upright
from aijobs.adapters.media.settings import PictureSettings
from aijobs.adapters.media.sniffing import AVIF, HEIC, JPEG, PNG, WEBP
from aijobs.domain.errors import UnreadableFile
from aijobs.domain.values.pictures import CleanPhoto

PHOTOS: Final = (JPEG, PNG, WEBP, AVIF, HEIC)
MIN_SIDE: Final = 16  #: pixels; smaller pictures are refused
QUALITY: Final = 92
#: Pillow's modes of 16 bits; its conversion would clip the values, not scale them.
MODES_16_BIT: Final = ("I;16", "I;16B", "I;16L", "I;16N", "I")


def clean_photo(photo: Path | bytes, limits: PictureSettings = DEFAULT_LIMITS) -> CleanPhoto:
    """Encode the pixels anew, so that no metadata (place, names, previews) is left.

    Transparent parts become white. Needs the memory of the whole picture, and twice that where it is converted.
    Raises UnreadableFile for anything but one still photo in one of PHOTOS' formats, and FileTooLarge.
    """
    with opened_image(photo, limits) as opened:
        _require_still_photo(opened)
        profile = opened.image.info.get(PROFILE)
        return _encoded(_in_srgb(upright(opened.image), profile))


def _require_still_photo(opened: OpenedImage) -> None:
    if opened.media not in PHOTOS:
        raise UnreadableFile("A photo to be reviewed must be JPEG, PNG or WebP, or else HEIC or AVIF.")
    if min(opened.size) < MIN_SIDE:
        width, height = opened.size
        raise UnreadableFile(f"The photo has {width} × {height} pixels; each side must have at least {MIN_SIDE}.")
    if opened.media == HEIC:  # further pictures in it are previews, or of a burst
        return
    if getattr(opened.image, "n_frames", 1) > 1:
        raise UnreadableFile("The picture moves. Only a still photo can be reviewed.")


def _in_srgb(photo: Image.Image, profile: bytes | None) -> Image.Image:
    if photo.mode in MODES_16_BIT:
        photo = photo.point(lambda value: value / 257).convert("L")
    if photo.has_transparency_data:
        photo = _on_white(photo)
    if profile and photo.mode in {"RGB", "CMYK", "L"}:
        return _converted(photo, profile)
    return photo if photo.mode == "RGB" else photo.convert("RGB")


def _on_white(photo: Image.Image) -> Image.Image:
    layer = photo if photo.mode == "RGBA" else photo.convert("RGBA")
    background = Image.new("RGB", photo.size, "white")
    background.paste(layer, mask=layer)
    return background


def _converted(photo: Image.Image, profile: bytes) -> Image.Image:
    """Convert by the photo's own colour profile; an unusable profile is ignored, as browsers do."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(photo, source, ImageCms.createProfile("sRGB"), outputMode="RGB") or photo
    except (ImageCms.PyCMSError, OSError):
        return photo.convert("RGB")


def _encoded(photo: Image.Image) -> CleanPhoto:
    buffer = io.BytesIO()
    photo.info.clear()  # otherwise metadata such as comments would be saved again
    photo.save(buffer, "JPEG", quality=QUALITY, exif=b"")
    return CleanPhoto(buffer.getvalue(), photo.width, photo.height)
