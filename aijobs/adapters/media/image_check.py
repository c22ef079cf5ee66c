"""Checks an uploaded picture: decodable, complete, and within the limits."""

from pathlib import Path
from typing import Final

from aijobs.adapters.media.image_opening import DEFAULT_LIMITS, opened_image
from aijobs.adapters.media.settings import PictureSettings
from aijobs.domain.values.pictures import ImageFacts

EIGHTH: Final = 8  #: JPEG can be decoded at an eighth: that reads the whole file with a fraction of the memory


def check_image(picture: Path | bytes, limits: PictureSettings = DEFAULT_LIMITS) -> ImageFacts:
    """Decode the whole picture, of an animated one the first frame. Raises UnreadableFile and FileTooLarge."""
    with opened_image(picture, limits) as opened:
        width, height = opened.size
        opened.image.draft(None, (max(1, width // EIGHTH), max(1, height // EIGHTH)))
        opened.image.load()
    return ImageFacts(opened.media.media_type, width, height)
