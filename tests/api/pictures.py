"""Pictures to upload, good and bad."""

from io import BytesIO

from PIL import Image


def picture(width: int = 64, height: int = 48, kind: str = "JPEG") -> bytes:
    kept = BytesIO()
    Image.effect_noise((width, height), 40).convert("RGB").save(kept, kind)
    return kept.getvalue()


def bomb() -> bytes:
    """A PNG of a few kilobytes with a hundred million pixels."""
    kept = BytesIO()
    Image.new("1", (10_000, 10_000)).save(kept, "PNG")
    return kept.getvalue()
