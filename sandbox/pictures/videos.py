"""Short real videos: the camera moves along a drawn landscape. H.264 in MP4."""

import io
from typing import Final

import av
from PIL import Image

from sandbox.pictures.landscapes import Size, landscape

RATE: Final = 12  #: frames a second
WIDER: Final = 1.25  #: the landscape, than what the camera sees of it


def filmed(seed: str, size: Size, seconds: int, *, first: Image.Image | None = None) -> bytes:
    """A video of so many seconds; equal seeds give equal ones. `first` is a picture to film instead. Blocking."""
    scenery = _scenery(seed, size, first)
    frames, way = seconds * RATE, scenery.width - size[0]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "30"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(frames):
            left = way * number // max(1, frames - 1)
            view = scenery.crop((left, 0, left + size[0], size[1]))
            container.mux(stream.encode(av.VideoFrame.from_image(view)))  # type: ignore[no-untyped-call]
        container.mux(stream.encode())
    return file.getvalue()


def _scenery(seed: str, size: Size, first: Image.Image | None) -> Image.Image:
    width = round(size[0] * WIDER)
    if first is None:
        return landscape(seed, (width, size[1]))
    return first.convert("RGB").resize((width, size[1]), Image.Resampling.BICUBIC)
