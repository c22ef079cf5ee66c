"""A very small picture."""

import base64
import io

from PIL import Image


def tiny_picture() -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(picture, "PNG")
    return picture.getvalue()


def as_data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
