"""Small pictures for pages."""

import io
from pathlib import Path
from typing import Final

from PIL import ImageOps

from aijobs.adapters.media.image_opening import DEFAULT_LIMITS, opened_image
from aijobs.adapters.media.settings import PictureSettings

QUALITY: Final = 80


def thumbnail(
    picture: Path | bytes, side: int, *, square: bool = False, limits: PictureSettings = DEFAULT_LIMITS
) -> bytes:
    """In WebP, at most `side` pixels wide and high; `square` crops it. The orientation in its Exif data is not applied.

    Raises UnreadableFile and FileTooLarge.
    """
    buffer = io.BytesIO()
    with opened_image(picture, limits, draft=2 * side) as opened:
        small = opened.image.convert("RGB")
        if square:
            small = ImageOps.fit(small, (side, side))
        small.thumbnail((side, side))
        small.save(buffer, "WEBP", quality=QUALITY)
    return buffer.getvalue()
