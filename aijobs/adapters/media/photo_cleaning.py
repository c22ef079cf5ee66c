"""A photo as it may be published: upright, in sRGB, and without anything that its camera or its owner wrote into it."""

import io
from pathlib import Path
from typing import Final

from PIL import Image, ImageCms

from aijobs.adapters.media.image_opening import DEFAULT_LIMITS, PROFILE, OpenedImage, opened_image, upright
from aijobs.adapters.media.settings import PictureSettings
from aijobs.adapters.media.sniffing import JPEG, PNG, WEBP
from aijobs.domain.errors import UnreadableFile
from aijobs.domain.values.pictures import CleanPhoto

PHOTOS: Final = (JPEG, PNG, WEBP)
MIN_SIDE: Final = 16  #: pixels; less is no photo
QUALITY: Final = 92
DEEP: Final = ("I;16", "I;16B", "I;16L", "I;16N", "I")  #: Pillow's modes of 16 bits, which it would clip, not scale


def clean_photo(photo: Path | bytes, limits: PictureSettings = DEFAULT_LIMITS) -> CleanPhoto:
    """Encoded anew from its pixels, so that no metadata (place, names, previews) can be left.

    Transparent parts become white. Needs the memory of the whole picture, twice where it must be changed.
    Raises UnreadableFile for what is no still photo in JPEG, PNG or WebP, and FileTooLarge.
    """
    with opened_image(photo, limits) as opened:
        _require_still_photo(opened)
        profile = opened.image.info.get(PROFILE)
        return _encoded(_in_srgb(upright(opened.image), profile))


def _require_still_photo(opened: OpenedImage) -> None:
    if opened.media not in PHOTOS:
        raise UnreadableFile("A photo to be reviewed must be JPEG, PNG or WebP.")
    if min(opened.size) < MIN_SIDE:
        width, height = opened.size
        raise UnreadableFile(f"The photo has {width} × {height} pixels; each side must have at least {MIN_SIDE}.")
    if getattr(opened.image, "n_frames", 1) > 1:
        raise UnreadableFile("The picture moves. Only a still photo can be reviewed.")


def _in_srgb(photo: Image.Image, profile: bytes | None) -> Image.Image:
    if photo.mode in DEEP:
        photo = photo.point(lambda value: value / 257).convert("L")
    if photo.has_transparency_data:
        photo = _on_white(photo)
    if profile and photo.mode in {"RGB", "CMYK", "L"}:
        return _converted(photo, profile)
    return photo if photo.mode == "RGB" else photo.convert("RGB")


def _on_white(photo: Image.Image) -> Image.Image:
    layer = photo if photo.mode == "RGBA" else photo.convert("RGBA")
    ground = Image.new("RGB", photo.size, "white")
    ground.paste(layer, mask=layer)
    return ground


def _converted(photo: Image.Image, profile: bytes) -> Image.Image:
    """By the photo's own colour profile; one that cannot be used is left aside, as browsers do."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(photo, source, ImageCms.createProfile("sRGB"), outputMode="RGB") or photo
    except (ImageCms.PyCMSError, OSError):
        return photo.convert("RGB")


def _encoded(photo: Image.Image) -> CleanPhoto:
    kept = io.BytesIO()
    photo.info.clear()  # what was read along, a comment for example, would be written along
    photo.save(kept, "JPEG", quality=QUALITY, exif=b"")
    return CleanPhoto(kept.getvalue(), photo.width, photo.height)
