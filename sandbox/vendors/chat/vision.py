"""How the simulated model scores a picture: from its pixels, so that the same picture gets the same scores."""

import base64
import binascii
import io
import math
from collections.abc import Mapping
from typing import Any, Final

from PIL import Image, ImageFilter, ImageStat, UnidentifiedImageError

from sandbox.vendors.chat.errors import invalid
from sandbox.vendors.chat.request import ChatRequest, ImagePart

SIDE: Final = 512
UNREADABLE: Final = (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError)
EDGES: Final = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)

#: What each score is called, in Chinese.
NAMES: Final = {"composition": "构图", "light": "光线", "focus": "清晰度", "colour": "色彩"}


def picture_in(request: ChatRequest) -> Image.Image | None:
    """The last picture of the request, scaled down and in RGB. Raises Refusal (400) when it cannot be read."""
    parts = [part for message in request.messages if not isinstance(message.content, str) for part in message.content]
    shown = [part for part in parts if isinstance(part, ImagePart)]
    return _decoded(shown[-1].image_url.url) if shown else None


def review_of(picture: Image.Image, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Every score that the schema asks for, each with a comment that quotes it."""
    scores = _scores(picture)
    properties: Mapping[str, Any] = schema["properties"]
    names = [name for name, property_ in properties.items() if "score" in property_.get("properties", {})]
    reviews = {name: _aspect_review(name, scores.get(name, scores["light"])) for name in names}
    best = max(names, key=lambda name: scores.get(name, 0), default="light")
    summary = {"zh": f"这张照片的{NAMES.get(best, best)}最好。", "en": f"The {best} of this photo is its best part."}
    return {**reviews, "summary": summary}


def _aspect_review(name: str, score: int) -> dict[str, Any]:
    zh, en = ("不错", "good") if score >= 60 else ("可以改进", "worth improving")
    return {
        "score": score,
        "comment": {"zh": f"{NAMES.get(name, name)}{zh}({score} 分)。", "en": f"The {name} is {en} ({score} of 100)."},
    }


def _scores(picture: Image.Image) -> dict[str, int]:
    grey = picture.convert("L")
    light, sharp = ImageStat.Stat(grey), ImageStat.Stat(grey.filter(EDGES))
    saturation = ImageStat.Stat(picture.convert("HSV").getchannel("S")).mean[0]
    width, height = grey.size
    thirds = grey.crop((width // 4, height // 4, max(1, width * 3 // 4), max(1, height * 3 // 4)))
    contrast = abs(ImageStat.Stat(thirds).mean[0] - light.mean[0])
    return {
        "composition": _percent(50 + 2 * contrast),
        "light": _percent(100 - abs(light.mean[0] - 118) * 0.7),
        "focus": _percent(16 * math.log(1 + sharp.var[0])),
        "colour": _percent(40 + saturation / 2),
    }


def _percent(value: float) -> int:
    return round(min(100.0, max(0.0, value)))


def _decoded(url: str) -> Image.Image:
    head, _, encoded = url.partition(";base64,")
    if not head.startswith("data:image/"):
        raise invalid("messages", "Only pictures in data URLs are taken.")
    try:
        with Image.open(io.BytesIO(base64.b64decode(encoded, validate=True))) as stored:
            picture = stored.convert("RGB")
    except (binascii.Error, *UNREADABLE):
        raise invalid("messages", "You uploaded an unsupported image.") from None
    picture.thumbnail((SIDE, SIDE))
    return picture
