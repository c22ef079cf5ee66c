"""A photo as it may be published: upright, in sRGB, and without anything that its camera or its owner wrote into it."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageCms, ImageOps

from aijobs.adapters.media.image_check import DECODERS, check_image, complaints_translated
from aijobs.adapters.media.sniffing import JPEG, PNG, WEBP
from aijobs.domain.errors import UnreadableFile

PHOTOS: Final = (JPEG, PNG, WEBP)
MIN_SIDE: Final = 16  #: pixels; less is no photo
QUALITY: Final = 92
DEEP: Final = ("I;16", "I;16B", "I;16L", "I;16N", "I")  #: Pillow's modes of 16 bits, which it would clip, not scale

_FORMAT_OF: Final = {media.media_type: DECODERS[media] for media in PHOTOS}


@dataclass(frozen=True)
class CleanPhoto:
    """A JPEG. `width` and `height` in pixels, upright."""

    content: bytes
    width: int
    height: int


def clean_photo(photo: Path | bytes) -> CleanPhoto:
    """Encoded anew from its pixels, so that no metadata (place, names, previews) can be left.

    Transparent parts become white. Blocks, and needs the memory of the whole picture, twice where it must be changed.
    Raises UnreadableFile for what is no still photo in JPEG, PNG or WebP, and FileTooLarge.
    """
    facts = check_image(photo)
    if facts.media_type not in _FORMAT_OF:
        raise UnreadableFile("A photo to be reviewed must be JPEG, PNG or WebP.")
    if min(facts.width, facts.height) < MIN_SIDE:
        raise UnreadableFile(
            f"The photo has {facts.width} × {facts.height} pixels; each side must have at least {MIN_SIDE}."
        )
    with complaints_translated():
        return _clean(photo, _FORMAT_OF[facts.media_type])


def _clean(photo: Path | bytes, decoder: str) -> CleanPhoto:
    with Image.open(io.BytesIO(photo) if isinstance(photo, bytes) else photo, formats=[decoder]) as stored:
        if getattr(stored, "n_frames", 1) > 1:
            raise UnreadableFile("The picture moves. Only a still photo can be reviewed.")
        profile = stored.info.get("icc_profile")
        ImageOps.exif_transpose(stored, in_place=True)
        return _encoded(_in_srgb(stored, profile))


def _in_srgb(photo: Image.Image, profile: bytes | None) -> Image.Image:
    if photo.mode in DEEP:
        photo = photo.point(lambda value: value / 257).convert("L")
    if photo.has_transparency_data:
        ground = Image.new("RGBA", photo.size, "white")
        photo = Image.alpha_composite(ground, photo.convert("RGBA")).convert("RGB")
    if profile and photo.mode in {"RGB", "CMYK", "L"}:
        return _converted(photo, profile)
    return photo if photo.mode == "RGB" else photo.convert("RGB")


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


def small_photo(content: bytes, side: int) -> bytes:
    """A published photo in WebP, at most `side` pixels wide and high. Blocks. Raises UnreadableFile."""
    kept = io.BytesIO()
    with complaints_translated(), Image.open(io.BytesIO(content), formats=[DECODERS[JPEG]]) as photo:
        photo.draft("RGB", (side, side))
        small = photo.convert("RGB")
        small.thumbnail((side, side))
        small.save(kept, "WEBP", quality=80)
    return kept.getvalue()
